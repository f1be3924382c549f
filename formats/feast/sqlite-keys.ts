/** Whether views have rows in a SQLite online store, and for which entities; the store is opened once for all of them. */

import { existsSync } from "node:fs";
import { quoteName } from "../sqlite/quote-sql.js";
import { type KeyVersion, keyEncoder } from "./feast-key.js";
import type { FeastView } from "./feast-registry.js";
import { openToRead } from "./open-sqlite.js";

/** `unread`: SQLite cannot read it now; who needs its rows says why. */
export type ViewInStore = "no file" | "no table" | "no rows" | "unread" | KnownKeys;

export interface KnownKeys {
  /** @returns those that have no row; none where the store cannot be read any more */
  missing(keys: readonly (bigint | string)[]): readonly (bigint | string)[];
}

/** @param view one whose rows are looked up by a single key @param version how the store's keys are written */
export type LookUpView = (view: FeastView, version: KeyVersion) => ViewInStore;

type Store = Pick<ReturnType<typeof openToRead>, "prepare" | "close">;

/** Milliseconds to wait for a process that writes the store. */
const WAIT = 1000;

/**
 * Opens a store, and closes it behind `use`.
 * @param use what it is given may be used until it returns
 * @param open how the file is opened
 */
export function lookInStore<T>(
  file: string,
  use: (look: LookUpView) => T,
  open: (file: string, waitMs: number) => Store = openToRead,
): T {
  if (!existsSync(file)) return use(() => "no file");
  let db: Store;
  try {
    db = open(file, WAIT);
  } catch {
    return use(() => "unread");
  }
  try {
    return use((view, version) => viewIn(db, view, version));
  } finally {
    db.close();
  }
}

function viewIn(db: Store, view: FeastView, version: KeyVersion): ViewInStore {
  const table = quoteName(view.table);
  const first = (sql: string, ...values: readonly unknown[]): unknown => db.prepare(sql).get(...values);
  try {
    if (first("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", view.table) === undefined)
      return "no table";
    if (first(`SELECT 1 FROM ${table} LIMIT 1`) === undefined) return "no rows";
  } catch {
    return "unread";
  }
  const encode = keyEncoder(view.joinKeys, version);
  return {
    missing(keys) {
      try {
        const statement = db.prepare(`SELECT 1 FROM ${table} WHERE entity_key = ? LIMIT 1`);
        return keys.filter(key => statement.get(encode([key])) === undefined);
      } catch {
        return [];
      }
    },
  };
}
