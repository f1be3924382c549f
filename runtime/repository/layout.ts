/**
 * The files of a repository: roots → model folders, a model folder → its version folders.
 */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ModelConfig } from "../../triton-protos/model-config.js";

/** Model folders by name; a name that several roots have maps to all of them. */
export async function scanRepositories(roots: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, string[]>();
  for (const root of roots)
    for (const name of await subfolders(root)) {
      const folders = found.get(name);
      if (folders) folders.push(join(root, name));
      else found.set(name, [join(root, name)]);
    }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Versions in a model folder, ascending: folders whose names are positive integers without a leading zero. */
export async function scanVersions(folder: string): Promise<readonly number[]> {
  return (await subfolders(folder))
    .filter(name => /^[1-9]\d*$/.test(name) && Number.isSafeInteger(Number(name)))
    .map(Number)
    .sort((a, b) => a - b);
}

/** The versions that the policy of the configuration asks for. */
export function chooseVersions(available: readonly number[], policy: ModelConfig["version_policy"]): readonly number[] {
  if (policy?.specific) {
    const wanted = new Set(policy.specific.versions);
    return available.filter(version => wanted.has(version));
  }
  if (policy?.latest) return available.slice(-policy.latest.num_versions);
  return available;
}

async function subfolders(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names: string[] = [];
  for (const entry of entries) {
    const isFolder = entry.isSymbolicLink()
      ? await stat(join(folder, entry.name)).then(
          s => s.isDirectory(),
          () => false,
        )
      : entry.isDirectory();
    if (isFolder) names.push(entry.name);
  }
  return names.sort();
}
