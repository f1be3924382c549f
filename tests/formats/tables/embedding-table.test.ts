/** A folder that is a whole embedding table is read, and anything less is named. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { KEYS, printEmbeddingTable, readEmbeddingTable, TABLE, VECTORS } from "#formats/tables/embedding-table.js";

const root = mkdtempSync(join(tmpdir(), "merlon-table-"));
afterAll(() => rmSync(root, { recursive: true }));
let folder: string;
const at = (name: string): string => join(folder, name);
const write = (count: number, dimension: number): void => {
  writeFileSync(at(TABLE), printEmbeddingTable(count, dimension));
  writeFileSync(at(KEYS), new Uint8Array(count * 8));
  writeFileSync(at(VECTORS), new Uint8Array(count * dimension * 4));
};
beforeEach(() => {
  folder = mkdtempSync(join(root, "t-"));
  write(3, 5);
});
const HEADER = { format: "merlon/embedding-table", version: 1, count: 3, dimension: 5 };

test("a table is what was written", () => {
  expect(readEmbeddingTable(folder)).toEqual(HEADER);
});

test.each([
  ["of another format", { format: "merlon/plan" }],
  ["of another version", { version: 2 }],
  ["without rows", { count: 0 }],
  ["of half a row", { count: 1.5 }],
  ["of no numbers", { dimension: 0 }],
  ["with a text for a number", { dimension: "5" }],
  ["with a member that is not known", { keys: "int64" }],
])("a header %s is refused", (_, changed) => {
  writeFileSync(at(TABLE), JSON.stringify({ ...HEADER, ...changed }));
  expect(() => readEmbeddingTable(folder)).toThrow(`${at(TABLE)} is not the header of an embedding table: `);
});

test.each([
  [KEYS, 24],
  [VECTORS, 60],
])("%s has the bytes of all rows, not one more or less", (name, bytes) => {
  for (const found of [0, bytes - 1, bytes + 1]) {
    truncateSync(at(name), found);
    expect(() => readEmbeddingTable(folder)).toThrow(
      `${at(name)} has ${found} bytes, and 3 keys of dimension 5 take ${bytes}`,
    );
  }
  truncateSync(at(name), bytes);
  expect(readEmbeddingTable(folder)).toEqual(HEADER);
});
