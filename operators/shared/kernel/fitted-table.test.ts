// A fitted table on disk: what is printed is read again, and other readers of Arrow see which fields may be null.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tableFromIPC } from "apache-arrow";
import { afterAll, expect, test } from "vitest";
import { type PrintedColumn, printFittedTable, readFittedTable } from "#operators/shared/kernel/fitted-table.js";
import { plain, scalars } from "../../../tests/operators/step.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-fitted-table-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each([
  ["int64", [1n, null, -(2n ** 62n)]],
  ["int32", [1, null, -7]],
  ["float32", [0.5, Number.NaN, -1]],
  ["float64", [0.1, Number.NaN, 1e300]],
  ["bool", [1, null, 0]],
  ["string", ["a", null, "ü🦀"]],
] as const)("%s columns with missing values", (dtype, items) => {
  const file = join(folder, `${dtype}.arrow`);
  writeFileSync(file, printFittedTable({ key: scalars(dtype, items) as PrintedColumn }));
  const { key } = readFittedTable(file);
  expect([key!.dtype, plain(key!)]).toEqual([dtype, items]);
});

test("fields may be null unless the caller says otherwise; metadata is the schema's", () => {
  const table = { key: scalars("int32", [1, 2]) as PrintedColumn };
  const schemaOf = (bytes: Uint8Array) => tableFromIPC(bytes).schema;
  expect(schemaOf(printFittedTable(table)).fields.map(({ nullable }) => nullable)).toEqual([true]);
  const strict = schemaOf(printFittedTable(table, false, new Map([["made", "here"]])));
  expect(strict.fields.map(({ nullable }) => nullable)).toEqual([false]);
  expect([...strict.metadata]).toEqual([["made", "here"]]);
});
