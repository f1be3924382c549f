// Columns cut into rows that a cache keeps, and rows of several requests put together again.
import fc from "fast-check";
import { expect, test } from "vitest";
import { column } from "#contract/schema.js";
import { type Column, childRows, rootRows } from "#runtime/base/columns/table.js";
import { joinRows, splitRows } from "#runtime/engine/cache/cached-rows.js";
import { type Item, lists, plain, scalars, vectors } from "../../../operators/step.js";

const item = fc.option(fc.integer({ min: 0, max: 9 }), { freq: 3 });
const row = fc.record({ a: item, l: fc.array(item, { maxLength: 3 }), v: fc.tuple(item, item), n: fc.nat({ max: 3 }) });
const requests = fc.array(fc.array(row, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 });
type Row = typeof row extends fc.Arbitrary<infer T> ? T : never;

const SCHEMAS = [
  column("a", "int32"),
  column("l", "string", { list: { min: 0, max: null } }),
  column("v", "int32", { list: { min: 2, max: 2 } }),
];
const textOf = (of: number | null): string | null => (of === null ? null : `t${of}`);
const withNulls = (made: Column, items: readonly Item[]): Column =>
  items.includes(null) ? { ...made, validity: Uint8Array.from(items, of => (of === null ? 0 : 1)) } : made;

/** Columns of one request; nulls are marked only where it has any. */
function columnsOf(rows: readonly Row[]): Column[] {
  const own = rootRows(rows.length);
  const texts = rows.map(({ l }) => l.map(textOf));
  return [
    scalars(
      "int32",
      rows.map(({ a }) => a),
      own,
    ),
    withNulls(
      lists(
        "string",
        texts.map(list => list.map(of => of ?? "")),
        own,
      ),
      texts.flat(),
    ),
    withNulls(
      vectors(
        "int32",
        rows.map(({ v }) => v.map(of => of ?? 0)),
        2,
        own,
      ),
      rows.flatMap(({ v }) => v),
    ),
  ];
}

test("rows of several requests, in any order and more than once, are what they were", () => {
  fc.assert(
    fc.property(requests, fc.array(fc.nat(), { maxLength: 6 }), (all, picks) => {
      const kept = all.flatMap(rows => splitRows(columnsOf(rows), rows.length, false));
      const rows = all.flat();
      const chosen = picks.map(pick => pick % rows.length);
      const target = rootRows(chosen.length);
      const joined = joinRows(
        SCHEMAS,
        chosen.map(i => kept[i]!),
        target,
        false,
      );
      expect(joined.map(plain)).toEqual([
        chosen.map(i => rows[i]!.a),
        chosen.map(i => rows[i]!.l.map(textOf)),
        chosen.map(i => rows[i]!.v),
      ]);
      for (const column of joined) expect(column.rows).toBe(target);
      expect([joined[1]!.offsets?.length, joined[2]!.width]).toEqual([chosen.length + 1, 2]);
      // Memory of their own: a cache would keep that of all others.
      for (const { columns } of kept)
        for (const { values, offsets, validity } of columns)
          for (const part of [values, offsets, validity])
            if (ArrayBuffer.isView(part)) expect(part.buffer.byteLength).toBe(part.byteLength);
    }),
    { numRuns: 300 },
  );
});

test("rows that a row made stay its own", () => {
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 4 }), fc.array(fc.nat(), { maxLength: 5 }), (rows, picks) => {
      const offsets = Int32Array.from([
        0,
        ...rows.map((_, i) => rows.slice(0, i + 1).reduce((sum, { n }) => sum + n, 0)),
      ]);
      const below = childRows(rootRows(rows.length), offsets);
      const items = rows.flatMap(({ n }, i) => Array.from({ length: n }, (_, j) => (j === 1 ? null : 10 * i + j)));
      const kept = splitRows([scalars("int32", items, below)], rows.length, true);
      const chosen = picks.map(pick => pick % rows.length);
      const target = rootRows(chosen.length);
      const [joined] = joinRows(
        [column("a", "int32", { rows: "s1" })],
        chosen.map(i => kept[i]!),
        target,
        true,
      );
      expect(joined!.rows.parent).toBe(target);
      expect(kept.map(({ count }) => count)).toEqual(rows.map(({ n }) => n));
      const expected = chosen.map(i => items.slice(offsets[i], offsets[i + 1]));
      expect(plain(joined!)).toEqual(expected.flat());
      expect(Array.from(joined!.rows.offsets!)).toEqual([
        0,
        ...expected.map((_, i) => expected.slice(0, i + 1).flat().length),
      ]);
    }),
  );
});

test("without rows, a column has the shape of its schema alone", () => {
  const rows = rootRows(0);
  const [scalar, list, vector] = joinRows(SCHEMAS, [], rows, false);
  expect(scalar).toStrictEqual({ dtype: "int32", rows, values: new Int32Array(0) });
  expect(list).toStrictEqual({ dtype: "string", rows, values: [], offsets: new Int32Array(1) });
  expect(vector).toStrictEqual({ dtype: "int32", rows, values: new Int32Array(0), width: 2 });
});

test("rows keep the shape that the step gave them, if the schema allows others", () => {
  const rows = rootRows(2);
  const pairs = vectors(
    "int32",
    [1, 2].map(i => [i, 10 * i]),
    2,
    rows,
  );
  const parts = splitRows([pairs, lists("int32", [[5], [6, 7]], rows)], 2, false);
  const target = rootRows(3);
  const between = column("v", "int32", { list: { min: 1, max: 3 } });
  const joined = joinRows([between, column("s", "int32")], [parts[1]!, parts[0]!, parts[1]!], target, false);
  expect(joined[0]).toStrictEqual({
    dtype: "int32",
    rows: target,
    values: Int32Array.of(2, 20, 1, 10, 2, 20),
    width: 2,
  });
  expect(joined[1]).toStrictEqual({
    ...{ dtype: "int32", rows: target, values: Int32Array.of(6, 7, 5, 6, 7) },
    offsets: Int32Array.of(0, 2, 3, 5),
  });
});
