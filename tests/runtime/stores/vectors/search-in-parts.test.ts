// A batch that is searched in parts, past excluded ids, and by clients that leave: against a search of one query at a time.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Cancellable } from "#runtime/base/cancellation.js";
import type { Excluded } from "#runtime/stores/vectors/protocol.js";
import { type Find, type Hits, type SearchSize, search, searchSize } from "#runtime/stores/vectors/search.js";

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

test("a search takes memory for a query, for its lists, and for hits that are compared again", () => {
  const header = { kind: "ivf-pq", dimension: 8, ntotal: 100, nlist: 16, nprobe: 4 } as const;
  const of = (more: object, parameters = {}) =>
    searchSize({ header: { ...header, ...more } as never, scratch: 1000 }, parameters);
  const lists = (count: number) => 1000 + 12 * count + 8 * 4;
  expect(of({})).toEqual({ dimension: 8, ntotal: 100, perQuery: lists(4), perHit: 1 });
  expect(of({}, { nprobe: 9 }).perQuery).toBe(lists(9));
  expect(of({}, { nprobe: 99 }).perQuery).toBe(lists(16));
  expect(of({ nlist: undefined }).perQuery).toBe(lists(0));
  const refined = { kind: "refine", kFactor: 3, nlist: undefined, inner: header };
  expect(of(refined)).toMatchObject({ perQuery: lists(4), perHit: 4 });
  expect(of({ kind: "id-map", nlist: undefined, inner: { ...header, ...refined } })).toMatchObject({ perHit: 4 });
});

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

  test("takes at most 64 MiB a call, and no more calls than that", async () => {
    const size = { dimension: 1, ntotal: 1000, perQuery: 2 ** 20, perHit: 4 };
    for (const [k, perHit] of [
      [1000, 2000],
      [100, 400],
    ] as const) {
      const { find, calls } = index(1000, { isAsync: false });
      const rows = Math.floor((64 * 2 ** 20) / (2 ** 20 + 12 * perHit));
      await search(find, size, new Float32Array(70), 70, k);
      expect(calls.map(({ count }) => count)).toEqual([rows, 70 - rows]);
    }
  });

  test("that finds fewer than it looks for has no more", async () => {
    const { find, calls } = index(1000, { finds: 6 });
    const [row] = rowsOf(await search(find, sizeFor(1000, 8), Float32Array.of(0), 1, 5, excludedOf([[0, 1, 2, 3]])));
    expect(row![0]).toEqual([4, 5]);
    expect(calls.map(({ k }) => k)).toEqual([5 + 2]);
  });

  test("is searched once more, and no more, for ids that it excludes", async () => {
    const { find, calls } = index(1000, {});
    const near = Array.from({ length: 40 }, (_, id) => id);
    const [row] = rowsOf(await search(find, sizeFor(1000, 8), Float32Array.of(0), 1, 5, excludedOf([near])));
    expect(row![0]).toEqual([40, 41, 42, 43, 44]);
    expect(calls.map(({ k }) => k)).toEqual([5 + 32, 5 + 64]);
  });
});
