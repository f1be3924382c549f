/**
 * The repository indexes of all workers as one: a version is ready when it is in every worker.
 */
import type { IndexEntry } from "../models/model-states.js";
import type { VersionState } from "../models/version-state.js";

/** The state of a version is the first of these that some worker has. */
const ORDER: readonly (VersionState | undefined)[] = ["LOADING", "UNLOADING", "UNAVAILABLE", undefined, "READY"];

/** Entries in the order of the first index. Equal names of several repositories differ by their place. */
export function mergeIndexes(indexes: readonly (readonly IndexEntry[])[]): readonly IndexEntry[] {
  const merged = new Map<string, IndexEntry>();
  for (const entries of indexes) {
    const seen = new Map<string, number>();
    for (const entry of entries) {
      const name = JSON.stringify([entry.name, entry.version]);
      const nth = (seen.get(name) ?? 0) + 1;
      seen.set(name, nth);
      const key = `${nth} ${name}`;
      const before = merged.get(key);
      if (!before || ORDER.indexOf(entry.state) < ORDER.indexOf(before.state)) merged.set(key, entry);
    }
  }
  return [...merged.values()];
}
