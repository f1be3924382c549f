/**
 * The files of a repository: roots → model folders, a model folder → its version folders.
 */
import { basename, join } from "node:path";
import { LIVE_FOLDER } from "../../../contract/files/live-folder.js";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { lacksDescriptors } from "../../base/errors.js";
import { byVersion, type ModelVersion, toVersion } from "../../base/model-version.js";
import type { Disk } from "./disk.js";
import { byId, idText, type ModelId } from "./model-ids.js";

/** A model, and its folders: several where a name repeats that may not. */
export interface ModelPlace {
  readonly id: ModelId;
  readonly folders: readonly string[];
}

/** Models in order, by key. @param repeats whether several roots may have a model of one name, each its own */
export async function scanRepositories(
  roots: readonly string[],
  disk: Disk,
  repeats = false,
): Promise<ReadonlyMap<string, ModelPlace>> {
  const found = new Map<string, { readonly id: ModelId; readonly folders: string[] }>();
  for (const root of new Set(roots))
    for (const name of await subfolders(root, disk)) {
      const id = { namespace: repeats ? root : "", name };
      const place = found.get(idText(id)) ?? { id, folders: [] };
      place.folders.push(join(root, name));
      found.set(idText(id), place);
    }
  return new Map([...found].sort(([, a], [, b]) => byId(a.id, b.id)));
}

export interface VersionFolder {
  readonly version: ModelVersion;
  readonly folder: string;
}

/** Folders of a model that are not versions. */
const RESERVED = new Set(["configs", "warmup", "initial_state"]);

/**
 * Versions in a model folder, ascending. A name counts by the number it begins with, as Triton reads it; `ignored` is called for the others.
 */
export async function scanVersions(
  folder: string,
  disk: Disk,
  ignored: (text: string) => void = () => {},
): Promise<readonly VersionFolder[]> {
  const found = new Map<ModelVersion, VersionFolder>();
  for (const name of await subfolders(folder, disk)) {
    if (RESERVED.has(name)) continue;
    const number = /^\s*[+-]?\d+/.exec(name)?.[0];
    if (number === undefined) {
      ignored(`ignore version directory '${name}' which fails to convert to integral number`);
      continue;
    }
    if (/^0./.test(name)) {
      ignored(`ignore version directory '${name}' which contains leading zeros in its directory name`);
      continue;
    }
    const version = toVersion(number);
    if (version === undefined) {
      ignored(`ignore version directory '${name}' whose number is beyond 64 bits`);
      continue;
    }
    if (!found.has(version)) found.set(version, { version, folder: join(folder, name) });
  }
  return [...found.values()].sort((a, b) => byVersion(a.version, b.version));
}

/** The versions selected by the policy of the configuration. */
export function chooseVersions(
  available: readonly VersionFolder[],
  policy: ModelConfig["version_policy"],
): readonly VersionFolder[] {
  if (policy?.specific) {
    const wanted = new Set(policy.specific.versions);
    return available.filter(({ version }) => wanted.has(version));
  }
  if (policy?.latest) {
    const { num_versions: count } = policy.latest;
    return count > 0 ? available.slice(-count) : [];
  }
  return available;
}

/** When anything in a folder was last changed, and how much is in it: equal texts mean that nothing changed. */
export interface Fingerprint {
  readonly whole: string;
  /** The part of each entry, by its name. */
  readonly parts: ReadonlyMap<string, string>;
}

export async function fingerprint(folder: string, disk: Disk): Promise<Fingerprint> {
  const entries = (await disk.list(folder).catch(noEntries)).filter(({ name }) => name !== LIVE_FOLDER);
  const parts = await Promise.all(
    entries.map(async (entry): Promise<readonly [name: string, text: string]> => {
      const { name } = entry;
      const path = join(folder, name);
      if (entry.isDirectory()) return [name, `${name}@(${(await fingerprint(path, disk)).whole})`];
      const { mtimeMs, size } = await disk.stat(path).catch(() => ({ mtimeMs: 0, size: 0 }));
      return [name, `${name}@${mtimeMs}:${size}`];
    }),
  );
  return { whole: joined(parts.map(([, text]) => text)), parts: new Map(parts) };
}

/** A folder that cannot be read counts as empty, unless another attempt may read it: what serves would be loaded again. @throws Error */
function noEntries(error: unknown): [] {
  if (lacksDescriptors(error)) throw error;
  return [];
}

const joined = (texts: readonly string[]): string => texts.toSorted().join("|");

/** The parts of a model's folder that each version is made of: its own folder, and what is neither a version's nor the configuration. */
export function versionMarks(
  { parts }: Fingerprint,
  versions: readonly VersionFolder[],
  config: string,
): ReadonlyMap<ModelVersion, string> {
  const folders = new Set(versions.map(({ folder }) => basename(folder)));
  const shared = joined([...parts].flatMap(([name, text]) => (name === config || folders.has(name) ? [] : [text])));
  return new Map(versions.map(({ version, folder }) => [version, `${parts.get(basename(folder)) ?? ""}|${shared}`]));
}

async function subfolders(folder: string, disk: Disk): Promise<string[]> {
  const entries = await disk.list(folder);
  const names: string[] = [];
  for (const entry of entries) {
    const isFolder = entry.isSymbolicLink()
      ? await disk.stat(join(folder, entry.name)).then(
          s => s.isDirectory(),
          () => false,
        )
      : entry.isDirectory();
    if (isFolder) names.push(entry.name);
  }
  return names.sort();
}
