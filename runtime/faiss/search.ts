/**
 * A batch of queries → ids with distances, best first, shorter where fewer are found; ids that a query excludes are searched past until `k`
 * others are found or nothing is left.
 */
import type { Cancellation } from "../cancellation.js";
import type { Excluded, FaissHits } from "./protocol.js";

/** Hits of one query, best first. */
export interface Hits {
  readonly ids: BigInt64Array;
  readonly distances: Float32Array;
}

/**
 * Finds up to `k` of each query.
 * @param queries `count` vectors one after the other
 * @param k 1 … ntotal
 * @param signal aborted when nobody waits for the hits any more: what has not begun need not
 */
export type Find = (
  queries: Float32Array,
  count: number,
  k: number,
  signal?: Cancellation,
) => readonly Hits[] | Promise<readonly Hits[]>;

/**
 * Searches one index, however it is opened.
 * @param queries `count` vectors of the index's dimension, finite; nobody writes them
 * @param k 1 … ntotal
 * @param excluded ids that are searched past
 * @param signal of the client; a search that waits for others is dropped when it is aborted
 * @returns at once where the search is known to be short
 */
export type SearchIndex = (
  queries: Float32Array,
  count: number,
  k: number,
  excluded?: Excluded,
  signal?: Cancellation,
) => FaissHits | Promise<FaissHits>;

/** @returns at once where `find` does and nothing is excluded */
export function search(
  find: Find,
  of: { readonly dimension: number; readonly ntotal: number },
  queries: Float32Array,
  count: number,
  k: number,
  excluded?: Excluded,
  signal?: Cancellation,
): FaissHits | Promise<FaissHits> {
  const rows = excluded ? pastExcluded(find, of, queries, count, k, excluded, signal) : find(queries, count, k, signal);
  return rows instanceof Promise ? rows.then(join) : join(rows);
}

/** Rows one after the other; a single row as it is. */
function join(rows: readonly Hits[]): FaissHits {
  const offsets = new Int32Array(rows.length + 1);
  for (let row = 0; row < rows.length; row++) offsets[row + 1] = offsets[row]! + rows[row]!.ids.length;
  if (rows.length === 1) return { ...rows[0]!, offsets };
  const total = offsets[rows.length]!;
  const found = { ids: new BigInt64Array(total), distances: new Float32Array(total), offsets };
  rows.forEach((row, i) => {
    found.ids.set(row.ids, offsets[i]!);
    found.distances.set(row.distances, offsets[i]!);
  });
  return found;
}

/** Rows that are short are searched again, for twice as many each time; the others are done. */
async function pastExcluded(
  find: Find,
  { dimension, ntotal }: { readonly dimension: number; readonly ntotal: number },
  queries: Float32Array,
  count: number,
  k: number,
  { ids, offsets }: Excluded,
  signal?: Cancellation,
): Promise<Hits[]> {
  const sets = Array.from({ length: count }, (_, row) => new Set(ids.subarray(offsets[row]!, offsets[row + 1]!)));
  const rows: Hits[] = new Array(count);
  let open = Array.from({ length: count }, (_, row) => row);
  // Enough for a query that meets half of what it excludes.
  let wide = Math.min(ntotal, k + Math.ceil(sets.reduce((most, set) => Math.max(most, set.size), 0) / 2));
  while (open.length > 0) {
    const asked = new Float32Array(open.length * dimension);
    open.forEach((row, i) => {
      asked.set(queries.subarray(row * dimension, (row + 1) * dimension), i * dimension);
    });
    const found = await find(asked, open.length, wide, signal);
    open = open.filter((row, i) => {
      const hits = found[i]!;
      rows[row] = without(hits, sets[row]!, k);
      // An index that finds fewer than asked for has no more.
      return rows[row].ids.length < k && hits.ids.length === wide && wide < ntotal;
    });
    wide = Math.min(ntotal, wide * 2);
  }
  return rows;
}

function without({ ids, distances }: Hits, excluded: ReadonlySet<bigint>, k: number): Hits {
  if (excluded.size === 0) return { ids: ids.subarray(0, k), distances: distances.subarray(0, k) };
  const kept: number[] = [];
  for (let i = 0; i < ids.length && kept.length < k; i++) if (!excluded.has(ids[i]!)) kept.push(i);
  return { ids: BigInt64Array.from(kept, i => ids[i]!), distances: Float32Array.from(kept, i => distances[i]!) };
}
