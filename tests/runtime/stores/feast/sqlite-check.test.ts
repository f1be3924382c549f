// A SQLite store that is opened: its check, names in its statements, and how much memory a snapshot of it would take.
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findView } from "#formats/feast/feast-registry.js";
import { readFeastRepository } from "#formats/feast/feast-repository.js";
import { CHECK_SUFFIX, removeCheck, writeCheck } from "#formats/feast/store-check.js";
import { checkStore, openDatabase, openSqliteStore } from "#runtime/stores/feast/sqlite-store.js";
import type { FeatureReader } from "#runtime/stores/feast/store.js";
import { writeFeastRepository } from "#runtime/stores/feast/write-repository.js";
import { scalars } from "../../../operators/step.js";
import { damageText } from "./one-view.js";

let folder: string;
let store: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "merlon-sqlite-check-"));
  const source = { name: "s", path: "s.parquet", timestampField: "event" };
  const features = [
    { name: "n", type: "INT64" },
    { name: "m", type: "INT64" },
    { name: "t", type: "STRING" },
  ] as const;
  const rows = { item_id: [1n, 2n, 3n], n: [1n, 2n, 3n], m: [4n, 5n, 6n], t: ["a", "bb", ""] };
  writeFeastRepository(folder, {
    ...{ project: "p", timestamp: 1_700_000_000 },
    entities: [{ name: "item", joinKey: "item_id", type: "INT64" }],
    views: [{ name: "v", entities: ["item"], source, features: [...features], rows }],
  });
  store = (readFeastRepository(folder).onlineStore as { file: string }).file;
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("a store with a check", () => {
  const opened = (change: (file: string) => void, largest?: number): string => {
    const file = join(folder, "copy.db");
    copyFileSync(store, file);
    writeCheck(file);
    change(file);
    const db = openDatabase(file);
    try {
      checkStore(db, file, largest);
      return "passed";
    } catch (error) {
      const { code, message } = error as { code: string; message: string };
      return `${code}: ${message.replace(file, "FILE")}`;
    } finally {
      db.close();
    }
  };
  const damaged = (file: string) => damageText(file, "bb");
  test("is as it was written, or named", () => {
    expect(opened(() => {})).toBe("passed");
    expect(opened(damaged)).toMatch(
      /^UNAVAILABLE: the online store FILE has the checksum sha256:\w{12}, but sha256:\w{12} was written/,
    );
    expect(opened(file => writeFileSync(`${file}${CHECK_SUFFIX}`, "{"))).toMatch(
      /^UNAVAILABLE: .* is not the check of a store/,
    );
  });
  test("is not compared while pages are in its log", () => {
    const file = join(folder, "logged.db");
    copyFileSync(store, file);
    const writer = new Database(file);
    writer.pragma("journal_mode = WAL");
    writer.pragma("wal_checkpoint(TRUNCATE)");
    writeCheck(file);
    writer.exec("UPDATE p_v SET value = x''");
    const db = openDatabase(file);
    expect(() => checkStore(db, file)).not.toThrow();
    db.close();
    writer.close();
  });
  test("may lose it, and is then not compared", () => {
    expect(
      opened(file => {
        damaged(file);
        removeCheck(file);
      }),
    ).toBe("passed");
  });
});

test("a table that is dropped while its store is open is a fault with a way out", () => {
  const file = join(folder, "dropped.db");
  copyFileSync(store, file);
  const { registry, keyVersion } = readFeastRepository(folder);
  const view = findView(registry, "v")!;
  const opened = openSqliteStore(file, keyVersion);
  const reader = opened.prepare([{ view, features: view.features }], { bytes: "utf8", eventTimes: false });
  const ask = () => (reader as FeatureReader).getOnline(new Map([["item_id", scalars("int64", [1n])]]), 1);
  expect(ask()).toHaveLength(3);
  const writer = new Database(file);
  writer.exec("DROP TABLE p_v");
  writer.close();
  expect(ask).toThrow(
    expect.objectContaining({
      code: "UNAVAILABLE",
      message: `the online store ${file} can not be read any more: no such table: p_v. Materialize it again with Feast.`,
    }),
  );
  opened.close();
});
