/** Fitted workflows in the folders around a program, for messages. */
import { existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import type { Plan } from "../../contract/plan.js";
import { readWorkflow, WORKFLOW_FILE } from "../../formats/folders/workflow.js";

const DEPTH = 3;
/** Folders that are looked into: a program may lie at the top of a disk. */
const MOST = 300;

/**
 * @param folder the program's
 * @returns the first fitted workflow below it, by depth, that makes all these columns; its path as the program would write it
 */
export function workflowMaking(folder: string, columns: readonly string[]): string | undefined {
  let level = [folder];
  let looked = 0;
  for (let depth = 0; depth <= DEPTH && level.length > 0; depth++) {
    const next: string[] = [];
    for (const at of level) {
      if (looked++ === MOST) return undefined;
      if (makes(at, columns)) return relative(folder, at);
      next.push(...foldersIn(at));
    }
    level = next;
  }
  return undefined;
}

function makes(folder: string, columns: readonly string[]): boolean {
  if (!existsSync(join(folder, WORKFLOW_FILE))) return false;
  let plan: Plan;
  try {
    plan = readWorkflow(folder);
  } catch {
    return false;
  }
  const made = new Set(plan.outputs.map(({ schema }) => schema.name));
  return columns.every(name => made.has(name));
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter(entry => entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules")
      .map(({ name }) => join(folder, name))
      .sort();
  } catch {
    return [];
  }
}
