// A snapshot of a SQLite store: its limit, its check, keys of other entities between its own, and the frame of its keys.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { encodeValue } from "#formats/feast/encode-feast-value.js";
import { keyEncoder } from "#formats/feast/feast-key.js";
import { findView } from "#formats/feast/feast-registry.js";
import { readFeastRepository } from "#formats/feast/feast-repository.js";
import { estimate, takeSnapshot } from "#runtime/stores/feast/snapshot.js";
import type { SnapshotOrder } from "#runtime/stores/feast/snapshot-form.js";
import { openDatabase } from "#runtime/stores/feast/sqlite-store.js";
import { openFiles } from "../../../run/open-files.js";
import { write } from "./changing-store.js";
import { writeOneView } from "./one-view.js";

const root = mkdtempSync(join(tmpdir(), "merlon-taken-"));
afterAll(() => rmSync(root, { recursive: true }));
let stores = 0;
const TOWNS = ["a", "bbb", "cc"];

/** A store of three towns, by keys of different lengths. */
function made(): SnapshotOrder {
  const folder = join(root, String(stores++));
  writeOneView(folder, { id: TOWNS, n: [1n, 2n, 3n], s: ["x", "y", "text"] }, "STRING");
  const { registry, keyVersion } = readFeastRepository(folder);
  const view = findView(registry, "v")!;
  const file = join(folder, "data/online_store.db");
  const reads = [{ view, features: view.features }];
  return { file, keyVersion, reads, options: { bytes: "utf8", eventTimes: false }, limit: 2 ** 20 };
}

test("is taken up to its limit, to the byte, over all views", () => {
  const { reads, ...order } = made();
  const twice = [...reads, ...reads];
  const db = openDatabase(order.file);
  const bytes = 2 * estimate(db, reads[0]!);
  db.close();
  expect(takeSnapshot({ ...order, reads: twice, limit: bytes })).toHaveLength(2);
  expect(takeSnapshot({ ...order, reads: twice, limit: bytes - 1 })).toBeUndefined();
  expect(openFiles(order.file)).toEqual([]);
});

test("keys of other entities in its table are left out, wherever they are", () => {
  const order = made();
  const before = takeSnapshot(order);
  const key = keyEncoder([{ name: "region", type: "STRING" }], 3)(["a"]);
  const shorter = keyEncoder([{ name: "a", type: "INT64" }], 3)([1n]);
  write(order.file, db => {
    const insert = db.prepare("INSERT INTO p_v (entity_key, feature_name, value) VALUES (?, ?, ?)");
    for (const other of [key, shorter]) {
      insert.run(other, "n", encodeValue("INT64", 99n));
      insert.run(other, "s", encodeValue("STRING", "other"));
    }
  });
  expect(takeSnapshot(order)).toEqual(before);
});
