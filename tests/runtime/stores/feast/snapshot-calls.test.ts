// The reply of the snapshot thread arrives whole, and gives away each buffer once.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findView } from "#formats/feast/feast-registry.js";
import { readFeastRepository } from "#formats/feast/feast-repository.js";
import { snapshotCalls } from "#runtime/stores/feast/snapshot-calls.js";
import type { SnapshotOrder } from "#runtime/stores/feast/snapshot-form.js";
import { replyTo } from "#runtime/stores/feast/snapshot-reply.js";
import { writeFeastRepository } from "#runtime/stores/feast/write-repository.js";

let folder: string;
let order: SnapshotOrder;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "merlon-snapshot-calls-"));
  const source = { name: "s", path: "s.parquet", timestampField: "event" };
  const features = [
    { name: "n", type: "INT64" },
    { name: "t", type: "STRING" },
    { name: "l", type: "FLOAT_LIST" },
  ] as const;
  const rows = { item_id: [1n, 2n], n: [10n, null], t: ["a", "b"], l: [[1, 2], [3]] };
  writeFeastRepository(folder, {
    ...{ project: "p", timestamp: 1_700_000_000 },
    entities: [{ name: "item", joinKey: "item_id", type: "INT64" }],
    views: [{ name: "v", entities: ["item"], source, features: [...features], rows }],
  });
  const { registry, onlineStore } = readFeastRepository(folder);
  const view = findView(registry, "v")!;
  order = {
    ...{ file: (onlineStore as { file: string }).file, keyVersion: 3, limit: 2 ** 20 },
    ...{ reads: [{ view, features: view.features }], options: { bytes: "utf8", eventTimes: true } },
  };
});
afterAll(() => rmSync(folder, { recursive: true }));

/** All arrays of numbers in a value. */
function arraysOf(value: unknown): ArrayBufferView[] {
  if (ArrayBuffer.isView(value)) return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(arraysOf) : [];
}

test.each([false, true])("all memory of a reply moves, each buffer once (changes followed: %s)", follow => {
  const asked = { orders: [order, order], follow };
  const expected = replyTo(asked);
  const { value, memory } = snapshotCalls.read(asked);
  expect(value).toEqual(expected);
  const arrays = arraysOf(value);
  expect(arrays.length).toBeGreaterThan(10);
  expect(new Set(memory)).toEqual(new Set(arrays.map(({ buffer }) => buffer)));
  expect(new Set(memory).size).toBe(memory.length);
  const received = structuredClone(value, { transfer: [...memory] as ArrayBuffer[] });
  expect(received).toEqual(expected);
  expect(arrays.every(({ byteLength }) => byteLength === 0)).toBe(true);
});
