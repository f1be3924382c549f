/** Whether a view has rows in a SQLite online store, and for which entities. */
import { existsSync } from "node:fs";
import type { KeyVersion } from "./feast-key.js";
import { keyEncoder } from "./feast-key.js";
import type { FeastView } from "./feast-registry.js";
import { openToRead } from "./open-sqlite.js";

/** `unread`: SQLite cannot read it now; who needs its rows says why. */
export type ViewInStore = "no file" | "no table" | "no rows" | "unread" | KnownKeys;

export interface KnownKeys {
  /** @returns those that have no row */
  missing(keys: readonly (bigint | string)[]): readonly (bigint | string)[];
}

/** Milliseconds to wait for a process that writes the store. */
const WAIT = 1000;

/** @param view one whose rows are looked up by a single key @param version how the store's keys are written */
export function viewInStore(file: string, view: FeastView, version: KeyVersion): ViewInStore {
  if (!existsSync(file)) return "no file";
  const query = <T>(sql: string, use: (get: (...values: unknown[]) => unknown) => T): T => {
    const db = openToRead(file, WAIT);
    try {
      const statement = db.prepare(sql);
      return use((...values) => statement.get(...values));
    } finally {
      db.close();
    }
  };
  const table = `"${view.table.replaceAll('"', '""')}"`;
  try {
    const isThere = query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", get => get(view.table));
    if (isThere === undefined) return "no table";
    if (query(`SELECT 1 FROM ${table} LIMIT 1`, get => get()) === undefined) return "no rows";
  } catch {
    return "unread";
  }
  const encode = keyEncoder(view.joinKeys, version);
  return {
    missing: keys =>
      query(`SELECT 1 FROM ${table} WHERE entity_key = ? LIMIT 1`, get =>
        keys.filter(key => get(encode([key])) === undefined),
      ),
  };
}
