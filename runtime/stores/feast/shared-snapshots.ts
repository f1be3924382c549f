/**
 * Snapshots of small stores in this process, by the state of the file. The next server of a test run, or the second model that reads the
 * same views, need not read the file again.
 */
import type { ViewSnapshot } from "./snapshot-form.js";

/** Number of cached snapshots, the last used: files of up to a few megabytes each. */
const KEPT = 8;
/** A file that was written this recently could change again without a new time stamp. */
const SETTLED_MS = 100;

const kept = new Map<string, readonly ViewSnapshot[]>();

/** @param what the state of the file and what is read of it @param changedMs when the file was last written, Unix milliseconds */
export function sharedSnapshot(
  what: string,
  changedMs: number,
  take: () => readonly ViewSnapshot[] | undefined,
): readonly ViewSnapshot[] | undefined {
  const found = kept.get(what);
  const views = found ?? take();
  kept.delete(what);
  if (!views || (!found && Date.now() - changedMs < SETTLED_MS)) return views;
  kept.set(what, views);
  if (kept.size > KEPT) kept.delete(kept.keys().next().value!);
  return views;
}
