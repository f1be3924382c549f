/** A model with kept columns of six types, a batch of two rows of it, and a writer of a folder. */
import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rootRows } from "#runtime/base/columns/table.js";
import type { LoggedModel } from "#runtime/server/exposures/batch.js";
import { ListBuilder } from "#runtime/server/exposures/list-builder.js";
import { Writer } from "#runtime/server/exposures/writer.js";

export const model: LoggedModel = {
  id: 0,
  model: "m",
  version: 3,
  plan: "0123456789abcdef",
  textItems: false,
  sources: ["a"],
  draws: true,
  rate: 0,
  kept: [
    { name: "age", dtype: "float32", list: false, perList: true, hashed: false },
    { name: "tags", dtype: "string", list: true, perList: false, hashed: false },
    { name: "half", dtype: "float16", list: false, perList: false, hashed: false },
    { name: "flag", dtype: "bool", list: false, perList: false, hashed: false },
    { name: "tiny", dtype: "int8", list: false, perList: false, hashed: false },
    { name: "wide", dtype: "uint64", list: false, perList: false, hashed: false },
  ],
};

const rows = rootRows(2);
const columns = [
  { dtype: "float32", rows: rootRows(1), values: Float32Array.of(Number.NaN) },
  { dtype: "string", rows, values: ["x", "", "ü"], offsets: Int32Array.of(0, 1, 3), validity: Uint8Array.of(1, 0, 1) },
  { dtype: "float16", rows, values: Uint16Array.of(0x3c00, 0xc000) },
  { dtype: "bool", rows, values: Uint8Array.of(1, 0), validity: Uint8Array.of(1, 1) },
  { dtype: "int8", rows, values: Int8Array.of(-128, 127), validity: Uint8Array.of(0, 1) },
  { dtype: "uint64", rows, values: BigUint64Array.of(2n ** 64n - 1n, 0n) },
] as const;

/** Two rows of one list. */
export function batchOf(requestId: string) {
  const builder = new ListBuilder(model);
  const items = { dtype: "int64", rows, values: BigInt64Array.of(7n, -(2n ** 63n)) } as const;
  builder.addRow(items, 0, 1, 0.5, 0.25);
  builder.addRow(items, 1, 2, Number.NEGATIVE_INFINITY, Number.NaN);
  columns.forEach((column, i) => {
    if (i === 0) builder.keep(i, column, 0);
    else for (const row of [0, 1]) builder.keep(i, column, row);
  });
  builder.endList({ requestId, requestRow: 4, time: 1_700_000_000_123_456, seed: -5n }, "", 0.0625);
  return builder.take("{}");
}

export const options = { worker: 1, instance: 0, succeeds: false, rotateBytes: 2 ** 20, rotateSeconds: 3600 };
export const folderOf = () => mkdtempSync(join(tmpdir(), "merlon-writer-"));
export const logsIn = (folder: string) => readdirSync(join(folder, "m")).filter(name => name.endsWith(".open"));

export function writing(folder: string, more: Partial<ConstructorParameters<typeof Writer>[0]> = {}) {
  const writer = new Writer({ folder, ...options, ...more });
  writer.open(model);
  return writer;
}
