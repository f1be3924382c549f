// A batch that is searched in parts, past excluded ids, and by clients that leave: against a search of one query at a time.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Cancellable } from "#runtime/base/cancellation.js";
import type { Excluded } from "#runtime/stores/vectors/protocol.js";
import { type Find, type Hits, type SearchSize, search } from "#runtime/stores/vectors/search.js";

/** Distances of a query of one number to the ids 0 … ntotal - 1. */
const nearest = (query: number, ntotal: number, k: number): Hits => {
  const ids = Array.from({ length: ntotal }, (_, id) => id).sort(
    (a, b) => Math.abs(a - query) - Math.abs(b - query) || a - b,
  );
  const best = ids.slice(0, k);
  return { ids: BigInt64Array.from(best, BigInt), distances: Float32Array.from(best, id => Math.abs(id - query)) };
};

interface Call {
  readonly count: number;
  readonly k: number;
  readonly signal: unknown;
}
/** @param finds of an index that finds no more @param before each call */
function index(
  ntotal: number,
  { finds = ntotal, isAsync = true, before = () => {} }: { finds?: number; isAsync?: boolean; before?: () => void },
) {
  const calls: Call[] = [];
  const find: Find = (queries, count, k, signal) => {
    before();
    calls.push({ count, k, signal });
    expect(queries).toHaveLength(count);
    expect(k).toBeLessThanOrEqual(ntotal);
    const hits = Array.from(queries, query => nearest(query, ntotal, Math.min(k, finds)));
    return isAsync ? Promise.resolve(hits) : hits;
  };
  return { find, calls };
}

/** A size for which one call takes this number of rows of `k` hits. */
const sizeFor = (ntotal: number, rows: number): SearchSize => ({
  dimension: 1,
  ntotal,
  perQuery: Math.floor((64 * 2 ** 20) / rows) - 12 * 2 * ntotal - 12,
  perHit: 1,
});

const rowsOf = ({ ids, distances, offsets }: Awaited<ReturnType<typeof search>>) =>
  Array.from({ length: offsets.length - 1 }, (_, row) => [
    [...ids.subarray(offsets[row], offsets[row + 1])].map(Number),
    [...distances.subarray(offsets[row], offsets[row + 1])],
  ]);

const excludedOf = (lists: readonly (readonly number[])[]): Excluded => {
  const offsets = Int32Array.from([0, ...lists.map((_, row) => lists.slice(0, row + 1).flat().length)]);
  return { ids: BigInt64Array.from(lists.flat(), BigInt), offsets };
};

describe("a batch", () => {
  const batch = fc.record({
    ntotal: fc.integer({ min: 1, max: 30 }),
    queries: fc.array(fc.nat({ max: 30 }), { maxLength: 12 }),
    rows: fc.integer({ min: 1, max: 5 }),
    isAsync: fc.boolean(),
    k: fc.integer({ min: 1, max: 30 }),
    excluded: fc.option(fc.array(fc.array(fc.nat({ max: 35 }), { maxLength: 12 }), { minLength: 12, maxLength: 12 })),
    scarce: fc.option(fc.nat({ max: 30 }), { freq: 3 }),
  });

  test("gets what each query gets alone, without what it excludes, in calls of few rows", async () => {
    await fc.assert(
      fc.asyncProperty(batch, async ({ ntotal, queries, rows, isAsync, k: wanted, excluded, scarce }) => {
        const k = Math.min(wanted, ntotal);
        const lists = excluded?.slice(0, queries.length);
        const { find, calls } = index(ntotal, { isAsync, ...(scarce !== null && { finds: scarce }) });
        const signal = new Cancellable();
        const size = sizeFor(ntotal, rows);
        const given = Float32Array.from(queries);
        const found = search(find, size, given, queries.length, k, lists && excludedOf(lists), signal);
        const made = rowsOf(await found);
        const all = Math.min(ntotal, scarce ?? ntotal);
        const expected = queries.map((query, row) => {
          const left = nearest(query, ntotal, all);
          const without = lists?.[row] ?? [];
          const places = [...left.ids.keys()].filter(i => !without.includes(Number(left.ids[i]))).slice(0, k);
          return [places.map(i => Number(left.ids[i])), places.map(i => left.distances[i])];
        });
        expect(made).toEqual(expected);
        for (const { count, signal: passed } of calls) {
          expect(count).toBeLessThanOrEqual(rows);
          expect(passed).toBe(signal);
        }
        if (!isAsync && !lists && queries.length <= rows) expect(found).not.toBeInstanceOf(Promise);
        expect([...given]).toEqual(queries);
      }),
      { numRuns: 300 },
    );
  });

  test("whose client leaves is not searched further, with excluded ids too", async () => {
    for (const excluded of [undefined, excludedOf([[1], [2], [3], [4], [5], [6]])])
      for (const leavesAt of [1, 2, 3]) {
        const signal = new Cancellable();
        let calls = 0;
        const { find } = index(20, { before: () => void (++calls === leavesAt && signal.abort()) });
        const searched = search(find, sizeFor(20, 2), new Float32Array(6), 6, 3, excluded, signal);
        if (leavesAt < 3)
          await expect(searched).rejects.toMatchObject({ code: "CANCELLED", message: "the request was cancelled" });
        else await searched;
        expect(calls).toBe(leavesAt);
      }
  });
});
