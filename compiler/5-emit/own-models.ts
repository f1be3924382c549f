/**
 * Which models of a repository a program may replace and remove: its own. The manifest of a model names the program that it was built from.
 * Models of versions that wrote no such name are recognized by their plans and configurations.
 */
import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { LIVE_FOLDER } from "../../contract/files/live-folder.js";
import { type Plan, parsePlan } from "../../contract/plan.js";
import { type BuiltFrom, MANIFEST_FILE, type Manifest, readManifest } from "../../formats/folders/manifest.js";
import { parseModelConfig } from "../../triton-protos/model-config.js";
import { PROGRAM } from "./onnx/program-parameter.js";

export interface OwnModels {
  /** Models of an earlier build that this one does not write. */
  readonly remove: readonly string[];
  /** Sentences about models of another file of the same program. */
  readonly notes: readonly string[];
}

/**
 * @param names of the models to write
 * @throws Error naming a model that is not the program's, or a file in one that no build wrote
 */
export function ownModels(repository: string, program: BuiltFrom, names: readonly string[]): OwnModels {
  const found = existsSync(repository) ? readdirSync(repository) : [];
  const before = earlierModels(repository, program, found);
  const remove = [...before.keys()].filter(name => !names.includes(name));
  for (const name of names) if (found.includes(name) && !before.has(name)) refuse(repository, name, program);
  for (const [name, manifest] of before) refuseStrays(repository, name, manifest);
  const files = new Set([...before.values()].flatMap(manifest => manifest?.built?.file ?? []));
  files.delete(program.file ?? "");
  return {
    remove,
    notes: [...files].map(
      file =>
        `the models of \`${program.name}\` that were built from \`${file}\` are replaced: both programs have this name.`,
    ),
  };
}

/** Models of earlier builds of the program, and their manifests. */
function earlierModels(
  repository: string,
  program: BuiltFrom,
  found: readonly string[],
): ReadonlyMap<string, Manifest | undefined> {
  const models = new Map<string, Manifest | undefined>();
  const named = new Set<string>();
  for (const name of found) {
    const folder = join(repository, name);
    if (!lstatSync(folder).isDirectory()) continue;
    const manifest = manifestOf(folder);
    if (manifest?.built) {
      if (isSame(manifest.built, program)) models.set(name, manifest);
      continue;
    }
    const plans = plansOf(folder);
    const isEntry = name === program.entry && plans.some(plan => plan.name === program.name && !plan.stage);
    if (!isEntry && !plans.some(plan => plan.stage?.of === program.name) && !isLowered(folder, program)) continue;
    models.set(name, manifest);
    for (const plan of plans)
      for (const step of plan.steps) if ("model" in step.params) named.add(String(step.params.model));
  }
  for (const name of named) {
    const folder = join(repository, name);
    if (models.has(name) || !found.includes(name) || !lstatSync(folder).isDirectory()) continue;
    const manifest = manifestOf(folder);
    if (!manifest?.built) models.set(name, manifest);
  }
  return models;
}

const isSame = (built: BuiltFrom, { kind, name, entry }: BuiltFrom): boolean =>
  built.kind === kind && built.name === name && built.entry === entry;

/** A manifest that is damaged, or another program's, says nothing about the model. */
function manifestOf(folder: string): Manifest | undefined {
  try {
    return readManifest(folder);
  } catch {
    return undefined;
  }
}

/** A graph of `--target triton` says in its configuration whose it is. */
function isLowered(model: string, program: BuiltFrom): boolean {
  const file = join(model, "config.pbtxt");
  if (!existsSync(file)) return false;
  try {
    return parseModelConfig(readFileSync(file, "utf8"), file).parameters[PROGRAM]?.string_value === program.name;
  } catch {
    return false;
  }
}

/** Plans of a model's versions; a file that is not a plan belongs to another program. */
function plansOf(model: string): Plan[] {
  try {
    return readdirSync(model, { withFileTypes: true }).flatMap(version => {
      const file = join(model, version.name, "plan.json");
      return version.isDirectory() && existsSync(file) ? [parsePlan(readFileSync(file, "utf8"), file)] : [];
    });
  } catch {
    return [];
  }
}

function refuse(repository: string, name: string, program: BuiltFrom): never {
  const folder = join(repository, name);
  const found = lstatSync(folder);
  const built = found.isDirectory() ? manifestOf(folder)?.built : undefined;
  const whose = found.isSymbolicLink()
    ? "is a link"
    : built
      ? `belongs to the ${built.kind} \`${built.name}\`${built.file === undefined ? "" : ` (${built.file})`}`
      : "was not written by `merlon build`";
  throw new Error(
    `\`${folder}\` ${whose}, and \`${program.name}\` has a model of this name. Build into another repository, rename the ${program.kind}, or move \`${name}\` away first.`,
  );
}

/** A user's own files in the folder of a built model would be lost. */
function refuseStrays(repository: string, name: string, manifest: Manifest | undefined): void {
  const folder = join(repository, name);
  const files = readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter(entry => !entry.isDirectory())
    .map(entry => join(entry.parentPath, entry.name).slice(folder.length + 1));
  const stray = files.find(manifest ? path => !isWritten(path, manifest) : isOtherVersion(files));
  if (stray !== undefined)
    throw new Error(
      `\`${join(folder, stray)}\` was not written by \`merlon build\`, which would replace \`${name}\`. Move it away first.`,
    );
}

/** Files beside one that is written in place are its journals. */
const isWritten = (path: string, { files, inPlace }: Manifest): boolean =>
  path === MANIFEST_FILE ||
  files.has(path) ||
  path.split("/")[1] === LIVE_FOLDER ||
  inPlace.some(file => path.startsWith(file)) ||
  /(^|\/)\.(merlon|nfs)/.test(path);

/** Without a manifest: a build wrote one version, which has the plan or is the only one. */
function isOtherVersion(files: readonly string[]): (path: string) => boolean {
  const versions = new Set(files.flatMap(path => /^\d+(?=\/)/.exec(path) ?? []));
  const planned = new Set(files.flatMap(path => /^(\d+)\/plan\.json$/.exec(path)?.[1] ?? []));
  const own = planned.size > 0 ? planned : versions.size > 1 ? new Set([[...versions].sort()[0]]) : versions;
  return path => {
    const version = /^\d+(?=\/)/.exec(path)?.[0];
    return version !== undefined && !own.has(version);
  };
}
