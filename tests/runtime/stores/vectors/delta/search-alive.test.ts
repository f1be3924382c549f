// Hits of a base past its dead vectors, and merged with those of a delta: against all hits of both, sorted.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { DeadIds } from "#runtime/stores/vectors/delta/dead-ids.js";
import { mergeHits, searchAlive } from "#runtime/stores/vectors/delta/search-alive.js";
import { type Hits, join, type SearchIndex } from "#runtime/stores/vectors/search.js";

type Row = readonly (readonly [id: number, distance: number])[];
const hitsOf = (row: Row): Hits => ({
  ids: BigInt64Array.from(row, ([id]) => BigInt(id)),
  distances: Float32Array.from(row, ([, distance]) => distance),
});
const rowsIn = ({ ids, distances, offsets }: ReturnType<typeof join>): Row[] =>
  Array.from({ length: offsets.length - 1 }, (_, row) =>
    Array.from({ length: offsets[row + 1]! - offsets[row]! }, (_, i) => {
      const at = offsets[row]! + i;
      return [Number(ids[at]), distances[at]!] as const;
    }),
  );
/** Many are equal. */
const distances = fc.array(fc.nat({ max: 4 }), { maxLength: 6 });
const metric = fc.constantFrom("ip" as const, "l2" as const);
const best = (row: Row, by: "ip" | "l2"): Row => row.toSorted(([, a], [, b]) => (by === "ip" ? b - a : a - b));

test("the best of two searches, those of the first before equal ones of the second", () => {
  const rows = fc.array(fc.tuple(distances, distances), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(rows, metric, fc.integer({ min: 1, max: 8 }), (all, by, k) => {
      const [a, b] = [0, 1].map(side =>
        all.map(row =>
          best(
            row[side as 0 | 1].map((distance, i) => [100 * side + i, distance] as const),
            by,
          ),
        ),
      ) as [Row[], Row[]];
      const merged = mergeHits(join(a.map(hitsOf)), join(b.map(hitsOf)), k, by);
      expect(rowsIn(merged)).toEqual(a.map((row, i) => best([...row, ...b[i]!], by).slice(0, k)));
    }),
  );
});

test("the best that are alive, for each query, however many are dead", async () => {
  const ntotal = 60;
  const query = fc.nat({ max: ntotal - 1 });
  const dead = fc.uniqueArray(query, { maxLength: 50 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(query, { minLength: 1, maxLength: 4 }),
      dead,
      fc.integer({ min: 1, max: 12 }),
      fc.boolean(),
      async (queries, gone, k, isAsync) => {
        const nearest = (from: number): Row =>
          best(
            Array.from({ length: ntotal }, (_, id) => [id, Math.abs(id - from)] as const),
            "l2",
          );
        const search: SearchIndex = (given, count, wide) => {
          expect([given.length, wide <= ntotal]).toEqual([count, true]);
          const hits = join(Array.from(given, from => hitsOf(nearest(from).slice(0, wide))));
          return isAsync ? Promise.resolve(hits) : hits;
        };
        const ids: DeadIds = { count: gone.length, has: id => gone.includes(Number(id)), clear: bits => bits };
        const of = {
          queries: Float32Array.from(queries),
          rows: queries.length,
          k,
          excluded: undefined,
          signal: undefined,
        };
        const found = rowsIn(await searchAlive(search, { ntotal, dimension: 1 }, ids, of));
        const expected = queries.map(from => nearest(from).filter(([id]) => !gone.includes(id)));
        expect(found).toEqual(expected.map(row => row.slice(0, k)));
      },
    ),
  );
});
