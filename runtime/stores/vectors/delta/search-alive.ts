/** Searches a base past its dead vectors, and merges its hits with those of a delta. */
import type { Cancellation } from "../../../base/cancellation.js";
import type { Excluded, FaissHits } from "../protocol.js";
import { type Hits, join, rowsOf, type SearchIndex } from "../search.js";
import type { DeadIds } from "./dead-ids.js";

export interface AliveSearch {
  readonly queries: Float32Array;
  readonly rows: number;
  readonly k: number;
  readonly excluded: Excluded | undefined;
  readonly signal: Cancellation | undefined;
}

const NO_HITS: Hits = { ids: new BigInt64Array(0), distances: new Float32Array(0) };
/** Growth of the search for a row that is short. */
const WIDEN = 4;

/**
 * The base's best that are alive. A search finds a few more than `k`. Rows that are short are searched again for more, so the cost grows with the
 * dead vectors near a query.
 */
export function searchAlive(
  search: SearchIndex,
  { ntotal, dimension }: { readonly ntotal: number; readonly dimension: number },
  dead: DeadIds,
  { queries, rows, k, excluded, signal }: AliveSearch,
): FaissHits | Promise<FaissHits> {
  const most = Math.min(ntotal, k + dead.count);
  const first = Math.min(most, k + Math.max(8, k >> 2));
  const found = new Array<Hits>(rows).fill(NO_HITS);
  const take = (hits: FaissHits, some: readonly number[], wide: number): number[] =>
    some.filter((row, i) => {
      const [from, to] = [hits.offsets[i]!, hits.offsets[i + 1]!];
      found[row] = alive(hits, from, to, k, dead);
      return found[row].ids.length < k && to - from === wide && wide < most;
    });
  const all = Array.from({ length: rows }, (_, row) => row);
  const widen = async (short: readonly number[], wide: number): Promise<FaissHits> => {
    let [left, size] = [short, wide];
    while (left.length > 0) {
      size = Math.min(most, size * WIDEN);
      left = take(
        await search(
          rowsOf(queries, dimension, left),
          left.length,
          size,
          excluded && excludedRows(excluded, left),
          signal,
        ),
        left,
        size,
      );
    }
    return join(found);
  };
  const settle = (hits: FaissHits): FaissHits | Promise<FaissHits> => {
    const short = take(hits, all, first);
    return short.length > 0 ? widen(short, first) : join(found);
  };
  const hits = search(queries, rows, first, excluded, signal);
  return hits instanceof Promise ? hits.then(settle) : settle(hits);
}

function alive({ ids, distances }: FaissHits, from: number, to: number, k: number, dead: DeadIds): Hits {
  const kept: number[] = [];
  for (let i = from; i < to && kept.length < k; i++) if (!dead.has(ids[i]!)) kept.push(i);
  return { ids: BigInt64Array.from(kept, i => ids[i]!), distances: Float32Array.from(kept, i => distances[i]!) };
}

export function excludedRows({ ids, offsets }: Excluded, rows: readonly number[]): Excluded {
  const runs = rows.map(row => ids.subarray(offsets[row]!, offsets[row + 1]!));
  const ends = new Int32Array(rows.length + 1);
  runs.forEach((run, i) => {
    ends[i + 1] = ends[i]! + run.length;
  });
  const some = new BigInt64Array(ends[rows.length]!);
  runs.forEach((run, i) => {
    some.set(run, ends[i]!);
  });
  return { ids: some, offsets: ends };
}

/** The best `k` of two searches per row. Hits of `a` precede those of `b` with an equal distance. */
export function mergeHits(a: FaissHits, b: FaissHits, k: number, metric: "ip" | "l2"): FaissHits {
  const rows = a.offsets.length - 1;
  const isBetter = metric === "ip" ? (x: number, y: number) => x > y : (x: number, y: number) => x < y;
  return join(
    Array.from({ length: rows }, (_, row): Hits => {
      let [i, j] = [a.offsets[row]!, b.offsets[row]!];
      const [aEnd, bEnd] = [a.offsets[row + 1]!, b.offsets[row + 1]!];
      const length = Math.min(k, aEnd - i + bEnd - j);
      const made = { ids: new BigInt64Array(length), distances: new Float32Array(length) };
      for (let n = 0; n < length; n++) {
        const isB = i === aEnd || (j < bEnd && isBetter(b.distances[j]!, a.distances[i]!));
        const [from, at] = isB ? [b, j++] : [a, i++];
        made.ids[n] = from.ids[at]!;
        made.distances[n] = from.distances[at]!;
      }
      return made;
    }),
  );
}
