/**
 * An index and a batch of queries → ids with distances, best first, shorter where fewer are found; ids that a query excludes are searched
 * past until `k` others are found or nothing is left.
 */
import type { Index } from "faiss-node";
import type { Excluded, FaissHits } from "./protocol.js";

export interface LoadedIndex {
  readonly index: Index;
  readonly dimension: number;
  readonly ntotal: number;
  /** Real ids by position, where the file has ids that a JavaScript number can not hold. */
  readonly ids: BigInt64Array | undefined;
}

interface Hits {
  readonly ids: BigInt64Array;
  readonly distances: Float32Array;
}

/** @param queries `count` vectors one after the other @param k 1 … ntotal */
export function search(
  loaded: LoadedIndex,
  queries: Float32Array,
  count: number,
  k: number,
  excluded?: Excluded,
): FaissHits {
  const rows = excluded ? pastExcluded(loaded, queries, count, k, excluded) : plainly(loaded, queries, count, k);
  const offsets = new Int32Array(count + 1);
  for (let row = 0; row < count; row++) offsets[row + 1] = offsets[row]! + rows[row]!.ids.length;
  const total = offsets[count]!;
  const found = { ids: new BigInt64Array(total), distances: new Float32Array(total), offsets };
  rows.forEach((row, i) => {
    found.ids.set(row.ids, offsets[i]!);
    found.distances.set(row.distances, offsets[i]!);
  });
  return found;
}

/** FAISS marks what it did not find by -1. */
function plainly({ index, ids }: LoadedIndex, queries: Float32Array, count: number, k: number): Hits[] {
  const { labels, distances } = index.search(Array.from(queries), k);
  return Array.from({ length: count }, (_, row) => {
    const found = new BigInt64Array(k);
    const words = new Int32Array(found.buffer);
    const scores = new Float32Array(k);
    let n = 0;
    for (let i = row * k; i < (row + 1) * k; i++) {
      const label = labels[i]!;
      if (label < 0) continue;
      if (ids) found[n] = ids[label]!;
      else {
        words[2 * n] = label % 2 ** 32;
        words[2 * n + 1] = Math.floor(label / 2 ** 32);
      }
      scores[n++] = distances[i]!;
    }
    return { ids: found.subarray(0, n), distances: scores.subarray(0, n) };
  });
}

/** Rows that are short are searched again, for twice as many each time; the others are done. */
function pastExcluded(
  loaded: LoadedIndex,
  queries: Float32Array,
  count: number,
  k: number,
  { ids, offsets }: Excluded,
): Hits[] {
  const { dimension, ntotal } = loaded;
  const sets = Array.from({ length: count }, (_, row) => new Set(ids.subarray(offsets[row]!, offsets[row + 1]!)));
  const rows: Hits[] = new Array(count);
  let open = Array.from({ length: count }, (_, row) => row);
  // Enough for a query that meets half of what it excludes.
  let wide = Math.min(ntotal, k + Math.ceil(Math.max(0, ...sets.map(set => set.size)) / 2));
  while (open.length > 0) {
    const asked = new Float32Array(open.length * dimension);
    open.forEach((row, i) => {
      asked.set(queries.subarray(row * dimension, (row + 1) * dimension), i * dimension);
    });
    const found = plainly(loaded, asked, open.length, wide);
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
