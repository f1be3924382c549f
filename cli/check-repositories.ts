/**
 * Looks at the repositories of a server before it opens ports and logs its start: a wrong folder is one line.
 */
import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** Addresses in object stores. */
const ADDRESS = /^\w+:\/\//;

/** @returns what is wrong with the first repository that cannot be served */
export function repositoryProblem(repositories: readonly string[]): string | undefined {
  for (const folder of repositories) {
    const problem = ADDRESS.test(folder) ? undefined : folderProblem(folder);
    if (problem !== undefined) return `--model-repository ${folder} ${problem}`;
  }
  return undefined;
}

function folderProblem(folder: string): string | undefined {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (!found) return "does not exist: name the folder that has a folder for each model";
  if (!found.isDirectory()) return "is not a folder: name the folder that has a folder for each model";
  try {
    const names = readdirSync(folder);
    const isModel =
      names.includes("config.pbtxt") && !names.some(name => existsSync(join(folder, name, "config.pbtxt")));
    return isModel
      ? `is the folder of one model, since it has config.pbtxt: name the folder above it, ${dirname(resolve(folder))}`
      : undefined;
  } catch (error) {
    return `cannot be read: ${(error as Error).message}`;
  }
}
