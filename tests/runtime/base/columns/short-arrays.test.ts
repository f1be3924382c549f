import { expect, test } from "vitest";
import type { ColumnSchema } from "#contract/schema.js";
import { float32s, float64s, int32s, int64s, shortArray } from "#runtime/base/columns/short-arrays.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { joinRows, splitRows } from "#runtime/engine/cache/cached-rows.js";

test("arrays begin at zero and share no byte, across chunks and beside long ones", () => {
  const makers = [int32s, float32s, float64s, int64s, (n: number) => shortArray("uint8", n) as Uint8Array];
  const made = Array.from({ length: 400 }, (_, i) => makers[i % makers.length]!((i * 37) % 1200));
  const bytes = made.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength));
  bytes.forEach((own, i) => {
    expect(own.every(byte => byte === 0)).toBe(true);
    own.fill(1 + (i % 250));
  });
  bytes.forEach((own, i) => {
    expect(own.every(byte => byte === 1 + (i % 250))).toBe(true);
  });
  expect(made.map(({ length }) => length)).toEqual(made.map((_, i) => (i * 37) % 1200));
});

test("a long array has memory of its own, and a short string column is empty strings", () => {
  expect(int32s(2000).buffer.byteLength).toBe(8000);
  expect(shortArray("string", 2)).toEqual(["", ""]);
});

test("what a cache keeps of a row shares memory with nothing", () => {
  const rows = rootRows(2);
  const columns = [{ dtype: "float32", rows, values: float32s(2).fill(7) } as const];
  const kept = splitRows(columns, 2, false);
  for (const { columns } of kept)
    for (const { values } of columns) {
      const { buffer, byteLength } = values as Float32Array;
      expect(buffer.byteLength).toBe(byteLength);
    }
  const schema: ColumnSchema = { name: "x", dtype: "float32", rows: "request", tags: [], properties: {} };
  expect([...(joinRows([schema], kept, rows, false)[0]!.values as Float32Array)]).toEqual([7, 7]);
});
