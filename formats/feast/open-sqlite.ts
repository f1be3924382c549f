/**
 * Opens SQLite files for reading, as files that may be damaged, and first rolls back what a killed writer left. The native package is loaded by
 * the first call, so that a compiler that copies no store does not load it.
 */
import { createRequire } from "node:module";
import type Database from "better-sqlite3";

type Constructor = typeof Database;

let loaded: Constructor | undefined;
/** @throws Error where the package `better-sqlite3` is not installed */
export const sqlite = (): Constructor => {
  loaded ??= createRequire(import.meta.url)("better-sqlite3") as Constructor;
  return loaded;
};

/** @param waitMs for a process that is writing it @throws SqliteError */
export function openToRead(file: string, waitMs: number): Database.Database {
  try {
    return openOnce(file, waitMs);
  } catch (error) {
    if (!needsRecovery(error)) throw error;
    rollBack(file, waitMs);
    return openOnce(file, waitMs);
  }
}

function openOnce(file: string, waitMs: number): Database.Database {
  const db = new (sqlite())(file, { readonly: true, fileMustExist: true, timeout: waitMs });
  try {
    db.pragma("trusted_schema = OFF");
    db.pragma("cell_size_check = ON");
    db.pragma("mmap_size = 0");
    db.prepare("SELECT count(*) FROM sqlite_master").get();
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** A journal of a process that ended in the middle of a transaction: only a connection that may write can undo it. */
export const needsRecovery = (error: unknown): boolean =>
  /^SQLITE_READONLY_(ROLLBACK|RECOVERY)$/.test((error as { code?: string }).code ?? "");

/** Any connection that may write rolls back before it reads. @throws SqliteError READONLY_ROLLBACK where the file may not be written */
function rollBack(file: string, waitMs: number): void {
  const db = new (sqlite())(file, { fileMustExist: true, timeout: waitMs });
  try {
    db.pragma("trusted_schema = OFF");
    db.prepare("SELECT count(*) FROM sqlite_master").get();
  } finally {
    db.close();
  }
}
