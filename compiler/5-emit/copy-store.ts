/**
 * A SQLite online store → a copy of its committed state. Transactions of a killed writer are rolled back, and the content of a write-ahead
 * log is in the copy. Equal stores give equal bytes.
 */
import { linkSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { needsRecovery, openToRead } from "../../formats/feast/open-sqlite.js";
import {
  CHECK_SUFFIX,
  inRollbackMode,
  readCheck,
  standsAlone,
  verifyStore,
  verifyStoreFile,
  writeCheck,
} from "../../formats/feast/store-check.js";
import { sumOfFile } from "../../formats/folders/manifest.js";

/** How long a process that is writing the store may take. */
const WAIT_MS = 5000;
/** Larger stores are not held in memory. */
const LARGEST = 512 << 20;

/**
 * Copies a store and writes the copy's check beside it.
 * @param earlier the copy of an earlier build: it is linked where neither it nor the store has changed since
 * @throws Error naming the store
 */
export function copyStore(store: string, to: string, earlier?: string): void {
  const suffixes = ["", CHECK_SUFFIX];
  const link = () => {
    for (const suffix of suffixes) linkSync(`${earlier}${suffix}`, `${to}${suffix}`);
  };
  try {
    // Steps may share a repository. An existing file may be a link to the earlier copy, which must not be written.
    for (const suffix of suffixes) rmSync(`${to}${suffix}`, { force: true });
    const large = (statSync(store, { throwIfNoEntry: false })?.size ?? 0) > LARGEST;
    // Before it is open: to close a file drops the locks of the process on it.
    const source = large && standsAlone(store) ? sumOfFile(store).sha256 : undefined;
    if (earlier !== undefined && source !== undefined && isCopyOf(earlier, source)) {
      link();
      return;
    }
    const db = openToRead(store, WAIT_MS);
    try {
      // SQLite reads every page in one transaction, from the log where that is newer. Its backup is the same, and can only be awaited.
      if (large) db.prepare("VACUUM INTO ?").run(to);
      else {
        const bytes = db.serialize();
        if (standsAlone(store)) verifyStore(store, bytes);
        const copy = inRollbackMode(bytes);
        if (earlier !== undefined && isSame(earlier, copy)) {
          link();
          return;
        }
        writeFileSync(to, copy);
      }
    } finally {
      db.close();
    }
    writeCheck(to, undefined, source);
  } catch (error) {
    throw copyFault(store, to, error as Error);
  }
}

/** Whether an earlier copy was made from these bytes, and is as it was made. */
function isCopyOf(earlier: string, source: string): boolean {
  try {
    return readCheck(earlier)?.copiedFrom === source && standsAlone(earlier) && verifyStoreFile(earlier) === "same";
  } catch {
    return false;
  }
}

/** Whether an earlier copy is this one, and has its check. */
function isSame(earlier: string, copy: Uint8Array): boolean {
  try {
    return (
      statSync(earlier).size === copy.length &&
      standsAlone(earlier) &&
      readCheck(earlier) !== undefined &&
      readFileSync(earlier).equals(copy) &&
      verifyStore(earlier, copy) === "same"
    );
  } catch {
    return false;
  }
}

/**
 * The error names the store, or the folder of its copy.
 * @returns `error` itself if it is about neither, such as a package that is not installed
 */
function copyFault(
  store: string,
  to: string,
  error: Error & { code?: string; syscall?: string; path?: string },
): Error {
  if (error.name === "StoreDamaged") return error;
  const isSqlite = error.name === "SqliteError";
  if (!isSqlite && error.syscall === undefined) return error;
  if (error.code === "SQLITE_FULL" || (!isSqlite && error.path !== store)) {
    const why =
      error.code === "SQLITE_FULL" || error.code === "ENOSPC" ? "there is no space left on the disk" : error.message;
    return new Error(`the copy of the online store ${store} cannot be written to ${dirname(to)}: ${why}.`, {
      cause: error,
    });
  }
  const way = needsRecovery(error)
    ? "A process that wrote it was killed. Run `merlon feast materialize` again as a user who may write it."
    : error.code?.startsWith("SQLITE_BUSY")
      ? "Another process is writing it: build again when that is done."
      : isSqlite
        ? "Materialize it again."
        : "Give the user who builds the right to read it.";
  return new Error(`the online store ${store} cannot be copied: ${error.message}. ${way}`, { cause: error });
}
