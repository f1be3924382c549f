// A SQLite store that is read by statement: when its file is looked at, replaced and given up. The clock is set by hand.
import { copyFileSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, afterEach, beforeEach, expect, test, vi } from "vitest";
import { encodeValue } from "#formats/feast/encode-feast-value.js";
import { findView } from "#formats/feast/feast-registry.js";
import { readFeastRepository } from "#formats/feast/feast-repository.js";
import { writeCheck } from "#formats/feast/store-check.js";
import type { Column } from "#runtime/base/columns/table.js";
import { openSqliteStore } from "#runtime/stores/feast/sqlite-store.js";
import type { FeatureColumn, FeatureReader, FeatureStore } from "#runtime/stores/feast/store.js";
import { scalars } from "../../../operators/step.js";
import { openFiles } from "../../../run/open-files.js";
import { damageText, writeOneView } from "./one-view.js";

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

test("a store that is not what was written is refused, and its file is closed", () => {
  const { file, open } = made(1n);
  writeCheck(file);
  damageText(file, "text");
  expect(() => open()).toThrow(
    expect.objectContaining({
      code: "UNAVAILABLE",
      message: expect.stringMatching(/has the checksum sha256:\w+, but sha256:\w+ was written/),
      cause: expect.objectContaining({ name: "StoreDamaged" }),
    }),
  );
  expect(openFiles(file)).toEqual([]);
});

test("a file that is replaced is opened at the next look, and the one before is closed", () => {
  const { folder, file, open, replace } = made(1n);
  const reader = open();
  expect(numberOf(reader)).toBe(1n);
  replace(path => copyFileSync(made(2n).file, path));
  now += LOOK_EVERY_MS - 1;
  expect(numberOf(reader)).toBe(1n);
  now += 1;
  expect(numberOf(reader)).toBe(2n);
  expect(openFiles(folder)).toEqual([file]);
});

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

test("a file that is still the same is not opened again at a look", () => {
  const { file, open } = made(1n);
  const reader = open();
  const writer = new Database(file);
  writer.exec("BEGIN EXCLUSIVE");
  now += LOOK_EVERY_MS;
  expect(() => numberOf(reader)).toThrow(
    expect.objectContaining({
      code: "UNAVAILABLE",
      message: `the online store ${file} can not be read any more: database is locked. Another process is writing it: retry, or let the server hold it in memory (\`memoryMb\`).`,
      cause: expect.objectContaining({ code: "SQLITE_BUSY" }),
    }),
  );
  expect(warnings).toEqual([]);
  writer.close();
});

test("after a file was broken and mended, looks are as before", () => {
  const { file, open, replace } = made(1n);
  const copy = `${file}.copy`;
  copyFileSync(file, copy);
  const reader = open();
  truncateSync(file, 0);
  expect(() => numberOf(reader)).toThrow(/can not be read any more: /);
  copyFileSync(copy, file);
  expect(numberOf(reader)).toBe(1n);
  replace(junk);
  expect(numberOf(reader)).toBe(1n);
  now += LOOK_EVERY_MS;
  expect(numberOf(reader)).toBe(1n);
  expect(warnings).toHaveLength(1);
});

test.each([
  ["a value of another type", undefined],
  ["a writer that holds the file", "SQLITE_BUSY_SNAPSHOT"],
])("%s does not make the file be opened again", (_, code) => {
  const { file, open, replace } = made(1n);
  const reader = open();
  const keys = key();
  // The extended codes of a log that another process recovers: thrown where the keys are read.
  const busy = {
    get: () => {
      throw Object.assign(new Error("database is locked"), { code });
    },
  };
  const db = new Database(file);
  db.prepare("UPDATE p_v SET value = ? WHERE feature_name = 'n'").run(encodeValue("STRING", "one"));
  expect(() => reader.getOnline(code ? (busy as unknown as typeof keys) : keys, 1)).toThrow(
    code ? /Another process is writing it: retry/ : /feature `v:n` is int64 in the registry/,
  );
  db.prepare("UPDATE p_v SET value = ? WHERE feature_name = 'n'").run(encodeValue("INT64", 4n));
  db.close();
  replace(junk);
  expect(numberOf(reader)).toBe(4n);
});

test("an error that is none of SQLite's names the file and its cause", () => {
  const { file, open } = made(1n);
  const reader = open();
  store!.close();
  expect(() => numberOf(reader)).toThrow(
    expect.objectContaining({
      code: "UNAVAILABLE",
      message: `the online store ${file} can not be read any more: The database connection is not open. Materialize it again with Feast.`,
      cause: expect.any(TypeError),
    }),
  );
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
