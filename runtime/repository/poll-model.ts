/**
 * Reads a model's folder: name → normalised configuration, version folders, and the models it depends on.
 */
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { type ModelConfig, parseModelConfig } from "../../triton-protos/model-config.js";
import { loadBackend } from "../backends/index.js";
import { RuntimeFault } from "../errors.js";
import { backendOf } from "./backend-of.js";
import { chooseVersions, scanRepositories, scanVersions } from "./layout.js";
import { normaliseConfig } from "./normalise.js";
import { validateModel } from "./validate.js";

export interface PolledModel {
  readonly config: ModelConfig;
  readonly versions: readonly { readonly version: number; readonly folder: string }[];
  readonly dependencies: readonly string[];
}

/** @throws Error: why the model cannot be polled */
export async function pollModel(
  name: string,
  options: { readonly repositories: readonly string[] },
): Promise<PolledModel> {
  const folders = (await scanRepositories(options.repositories)).get(name);
  const folder = folders?.[0];
  if (!folder)
    throw new RuntimeFault("NOT_FOUND", `no repository has a folder '${name}'; look for a typing error in the name`);
  if (folders.length > 1)
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `model appears in two or more repositories: ${folders.join(", ")}; keep one of them`,
    );
  const available = await scanVersions(folder);
  const firstFiles = available[0] === undefined ? [] : await readdir(join(folder, String(available[0])));
  const config = normaliseConfig(await readConfig(folder), name, firstFiles);
  if (config.name !== basename(folder))
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `unexpected directory name '${basename(folder)}' for model '${config.name}', directory name must equal model name`,
    );
  validateModel(config);
  const versions = chooseVersions(available, config.version_policy).map(version => ({
    version,
    folder: join(folder, String(version)),
  }));
  return { config, versions, dependencies: await readDependencies(config, versions) };
}

/** A missing config.pbtxt is an empty one: everything is then found out from the files. */
async function readConfig(folder: string): Promise<ModelConfig> {
  const path = join(folder, "config.pbtxt");
  let text = "";
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT")
      throw new RuntimeFault("INTERNAL", `${path} cannot be read: ${(error as Error).message}`);
  }
  return parseModelConfig(text, path);
}

/** A backend that can't be found, or a plan that can't be read, is the version's fault and reported when it is loaded. */
async function readDependencies(config: ModelConfig, versions: PolledModel["versions"]): Promise<readonly string[]> {
  try {
    const backend = await loadBackend(backendOf(config));
    const lists = await Promise.all(versions.map(({ folder }) => backend.dependencies?.(folder, config) ?? []));
    return [...new Set(lists.flat())];
  } catch {
    return [];
  }
}
