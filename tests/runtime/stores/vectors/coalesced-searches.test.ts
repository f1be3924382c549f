// Random arrivals of searches, some of which fail or lose their clients. One search runs at a time, each gets its own hits, and none waits
// forever.
import fc from "fast-check";
import { expect, test } from "vitest";
import { Cancellable } from "#runtime/base/cancellation.js";
import { coalesceSearches } from "#runtime/stores/vectors/coalesce-searches.js";
import type { Hits } from "#runtime/stores/vectors/search.js";

const event = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("ask" as const),
      k: fc.integer({ min: 1, max: 3 }),
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("end" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("fail" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("leave" as const), nth: fc.nat() }) },
);
interface Running {
  readonly queries: readonly number[];
  end(): void;
  fail(): void;
}
const turn = (): Promise<void> => new Promise(done => setImmediate(done));

test("each search gets its own", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 5, maxLength: 40, size: "max" }), async events => {
      const running: Running[] = [];
      const searched: { readonly queries: readonly number[]; readonly k: number; readonly failed: boolean[] }[] = [];
      const search = coalesceSearches((queries, count, k) => {
        expect(running).toEqual([]);
        expect(queries).toHaveLength(count);
        const all = [...queries];
        const batch = { queries: all, k, failed: [] as boolean[] };
        searched.push(batch);
        const hits = all.map(
          (query): Hits => ({ ids: BigInt64Array.of(BigInt(query)), distances: Float32Array.of(k) }),
        );
        return new Promise((resolve, reject) => {
          const stop = (act: () => void): void => {
            running.length = 0;
            act();
          };
          running.push({
            queries: all,
            end: () => stop(() => resolve(hits)),
            fail: () =>
              stop(() => {
                batch.failed.push(true);
                reject(new Error("unlucky"));
              }),
          });
        });
      });
      const asks: {
        readonly queries: readonly number[];
        readonly k: number;
        readonly signal: Cancellable;
        leftUnsearched?: true;
        outcome?: unknown;
      }[] = [];
      let next = 0;
      const isSearched = (query: number): boolean => searched.some(({ queries }) => queries.includes(query));
      for (const of of events) {
        if (of.do === "ask") {
          const queries = Array.from({ length: of.count }, () => next++);
          const ask: (typeof asks)[number] = { queries, k: of.k, signal: new Cancellable() };
          asks.push(ask);
          Promise.resolve(search(Float32Array.from(queries), of.count, of.k, ask.signal)).then(
            hits => {
              ask.outcome = hits.map(({ ids, distances }) => [Number(ids[0]), distances[0]]);
            },
            (error: Error) => {
              ask.outcome = error.message;
            },
          );
        } else if (of.do === "leave" && asks.length > 0) {
          const ask = asks[of.nth % asks.length]!;
          if (!isSearched(ask.queries[0]!)) ask.leftUnsearched = true;
          ask.signal.abort();
        } else if (of.do === "end") running[0]?.end();
        else if (of.do === "fail") running[0]?.fail();
        await turn();
      }
      for (let n = 0; running.length > 0; n++) {
        expect(n).toBeLessThan(100);
        running[0]!.end();
        await turn();
      }
      for (const { queries, k, leftUnsearched, outcome } of asks) {
        const batches = searched.filter(batch => batch.queries.includes(queries[0]!));
        if (leftUnsearched) {
          expect([batches, outcome]).toEqual([[], "the request was cancelled"]);
          continue;
        }
        expect(batches).toHaveLength(1);
        expect(batches[0]!.k).toBe(k);
        expect(outcome).toEqual(batches[0]!.failed.length > 0 ? "unlucky" : queries.map(query => [query, k]));
      }
      // Searches that arrived during another ran together, by their k.
      for (const [i, { k }] of searched.entries())
        for (const later of searched.slice(i + 1))
          if (later.k === k) expect(later.queries[0]).toBeGreaterThan(searched[i]!.queries.at(-1)!);
    }),
    { numRuns: 200 },
  );
});

test("a search that is alone can be ended by its client, one of several cannot", async () => {
  const signals: unknown[] = [];
  const ends: (() => void)[] = [];
  const search = coalesceSearches((_, count, k, signal) => {
    signals.push(signal);
    const hit: Hits = { ids: new BigInt64Array(k), distances: new Float32Array(k) };
    return new Promise(resolve => ends.push(() => resolve(new Array(count).fill(hit))));
  });
  const own = [0, 1, 2, 3].map(() => new Cancellable());
  const ask = (nth: number, k: number) => search(new Float32Array(1), 1, k, own[nth]);
  const found = [ask(0, 1), ask(1, 1), ask(2, 2), ask(3, 2)];
  for (let i = 0; i < 3; i++) {
    await turn();
    ends[i]!();
  }
  expect((await Promise.all(found)).map(hits => hits.length)).toEqual([1, 1, 1, 1]);
  expect(signals.map(signal => own.indexOf(signal as Cancellable))).toEqual([0, 1, -1]);
});
