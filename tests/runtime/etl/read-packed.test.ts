// Texts leave DuckDB packed, whatever their lengths: up to twelve bytes lie in the row, longer ones elsewhere.
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { PackedTexts } from "#operators/shared/kernel/fitted-table.js";
import { type Database, openDatabase } from "#runtime/etl/database.js";
import { loadTable } from "#runtime/etl/load-table.js";

let database: Database;
beforeAll(async () => {
  database = await openDatabase({ threads: 2 });
});
afterAll(() => database.close());

const unpacked = ({ offsets, bytes }: PackedTexts, validity?: Uint8Array): (string | null)[] =>
  Array.from(offsets.subarray(1), (end, i) =>
    validity?.[i] === 0 ? null : Buffer.from(bytes.subarray(offsets[i]!, end)).toString(),
  );

async function read(select: string): Promise<(string | null)[]> {
  const [text, number] = await database.packed(select, ["string", "int32"], "reading texts");
  const { values, validity } = text!;
  expect(Array.from(number!.values as Int32Array)).toEqual(
    Array.from({ length: (values as PackedTexts).offsets.length - 1 }, (_, i) => i),
  );
  return unpacked(values as PackedTexts, validity);
}

test("texts of any length and nulls, over several chunks", async () => {
  const lengths = fc.oneof(fc.nat(12), fc.integer({ min: 11, max: 14 }), fc.nat(300));
  const text = fc
    .tuple(lengths, fc.constantFrom("a", "é", "日", "😀"))
    .map(([length, unit]) => unit.repeat(Math.ceil(length / unit.length)));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.option(text), { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 900 }),
      async (some, times) => {
        const texts = Array.from({ length: some.length * times }, (_, i) => some[i % some.length]!);
        const validity = Uint8Array.from(texts, one => (one === null ? 0 : 1));
        const values = texts.map(one => one ?? "");
        await loadTable(
          database,
          "texts",
          [
            { name: "c0", dtype: "string", values, validity },
            { name: "c1", dtype: "int32", values: Int32Array.from(texts, (_, i) => i) },
          ],
          texts.length,
        );
        expect(await read("SELECT c0, c1 FROM texts")).toEqual(texts);
      },
    ),
    { numRuns: 40 },
  );
});

test("long texts beside short ones, sorted so that they lie in another order than their memory", async () => {
  const select = `SELECT CASE i % 3 WHEN 0 THEN repeat('x', i % 40) || i WHEN 1 THEN NULL ELSE '' || i END AS t, i FROM range(9000) r(i)`;
  const sorted = `SELECT t AS c0, (row_number() OVER (ORDER BY (i * 7919) % 9000) - 1)::INTEGER AS c1 FROM (${select}) ORDER BY c1`;
  const expected = Array.from({ length: 9000 }, (_, i) => i)
    .toSorted((a, b) => ((a * 7919) % 9000) - ((b * 7919) % 9000))
    .map(i => (i % 3 === 1 ? null : i % 3 === 0 ? `${"x".repeat(i % 40)}${i}` : String(i)));
  expect(await read(sorted)).toEqual(expected);
});

test("no rows, and texts that take more room than a row has", async () => {
  expect(await read("SELECT '' AS c0, 0 AS c1 WHERE false")).toEqual([]);
  const long = "long ".repeat(100_000);
  expect(await read(`SELECT repeat('long ', 100000) AS c0, 0 AS c1`)).toEqual([long]);
});
