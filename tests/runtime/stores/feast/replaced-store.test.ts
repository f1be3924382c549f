// A SQLite store that is read by statement: when its file is looked at, replaced and given up. The clock is set by hand.
import { copyFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, afterEach, beforeEach, expect, test, vi } from "vitest";
import { encodeValue } from "#formats/feast/encode-feast-value.js";
import { findView } from "#formats/feast/feast-registry.js";
import { readFeastRepository } from "#formats/feast/feast-repository.js";
import type { Column } from "#runtime/base/columns/table.js";
import { openSqliteStore } from "#runtime/stores/feast/sqlite-store.js";
import type { FeatureColumn, FeatureReader, FeatureStore } from "#runtime/stores/feast/store.js";
import { scalars } from "../../../operators/step.js";
import { writeOneView } from "./one-view.js";

const LOOK_EVERY_MS = 1000;
const root = mkdtempSync(join(tmpdir(), "merlon-replaced-"));
afterAll(() => rmSync(root, { recursive: true }));

/** Milliseconds of `performance.now`. */
let now: number;
let warnings: readonly (readonly unknown[])[];
let store: FeatureStore | undefined;
let stores = 0;
beforeEach(() => {
  now = 5000;
  vi.spyOn(performance, "now").mockImplementation(() => now);
  warnings = vi.spyOn(process, "emitWarning").mockImplementation(() => {}).mock.calls;
});
afterEach(async () => {
  await store?.close();
  store = undefined;
  vi.restoreAllMocks();
});

/** A store of entity 0 with this number. */
function made(n: bigint) {
  const folder = join(root, String(stores++));
  writeOneView(folder, { id: [0n], n: [n], s: ["text"] });
  const file = join(folder, "data/online_store.db");
  const view = findView(readFeastRepository(folder).registry, "v")!;
  rmSync(`${file}.check`, { force: true });
  return {
    ...{ folder, file },
    /** @param times how often a run reads the view */
    open(times = 1): FeatureReader {
      store = openSqliteStore(file, 3);
      const reads = Array.from({ length: times }, () => ({ view, features: view.features }));
      return store.prepare(reads, { bytes: "utf8", eventTimes: false }) as FeatureReader;
    },
    /** Another file under the store's name. */
    replace(write: (path: string) => void): void {
      write(`${file}.new`);
      renameSync(`${file}.new`, file);
    },
  };
}

const key = (): ReadonlyMap<string, Column> => new Map([["id", scalars("int64", [0n])]]);
const numberOf = (reader: FeatureReader) => (reader.getOnline(key(), 1) as readonly FeatureColumn[])[0]!.values[0];
const junk = (path: string) => writeFileSync(path, "junk".repeat(5000));
const setNumber = (file: string, n: bigint, pragma?: string): Database.Database => {
  const db = new Database(file);
  if (pragma) db.pragma(pragma);
  db.prepare("UPDATE p_v SET value = ? WHERE feature_name = 'n'").run(encodeValue("INT64", n));
  return db;
};

test("of each file that can not be read one warning is given, and the one before is read on", () => {
  const { file, open, replace } = made(1n);
  const reader = open();
  const warning = [
    `the online store ${file} can not be opened: file is not a database. Materialize it again with Feast. The file before it is read on.`,
    "MerlonWarning",
  ];
  const look = () => {
    now += LOOK_EVERY_MS;
    return numberOf(reader);
  };
  replace(junk);
  expect([look(), look(), look()]).toEqual([1n, 1n, 1n]);
  expect(warnings).toEqual([warning]);
  replace(path => copyFileSync(made(2n).file, path));
  expect(look()).toBe(2n);
  replace(junk);
  expect([look(), look()]).toEqual([2n, 2n]);
  expect(warnings).toEqual([warning, warning]);
});

test("all views of a run are of one moment", () => {
  const { file, open } = made(1n);
  setNumber(file, 1n, "journal_mode = WAL").close();
  const reader = open(2);
  let writer: Database.Database | undefined;
  const keys = new (class extends Map<string, Column> {
    #views = 0;
    override get(name: string): Column | undefined {
      if (this.#views++ === 1) writer = setNumber(file, 2n);
      return super.get(name);
    }
  })(key());
  const found = reader.getOnline(keys, 1) as readonly FeatureColumn[];
  expect([found[0]!.values[0], found[2]!.values[0]]).toEqual([1n, 1n]);
  expect(numberOf(reader)).toBe(2n);
  writer!.close();
});
