/**
 * A batch of queries → ids with distances, best first, shorter if fewer are found. A search continues past excluded ids until `k` others
 * are found or nothing is left.
 */
import { type FaissHeader, type FaissLayout, type SearchParameters, searchedBy } from "../../../formats/faiss/faiss.js";
import type { Cancellation } from "../../base/cancellation.js";
import { RuntimeFault } from "../../base/errors.js";
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
 * @param signal aborted when the hits are no longer needed: searches that have not begun are skipped
 */
export type Find = (
  queries: Float32Array,
  count: number,
  k: number,
  signal?: Cancellation,
) => readonly Hits[] | Promise<readonly Hits[]>;

/**
 * Searches one index, however it is opened.
 * @param queries `count` vectors of the index's dimension, finite and read-only
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

/** Our binding where it is compiled, or faiss-node in its thread. */
export type Engine = "fastest" | "thread";

export interface OpenIndex {
  readonly header: FaissHeader;
  readonly search: SearchIndex;
  close(): Promise<void>;
}

/** Facts of an index that say how much memory a search takes. */
export interface SearchSize {
  readonly dimension: number;
  readonly ntotal: number;
  /** Bytes for each query beside its hits. */
  readonly perQuery: number;
  /** How many hits FAISS makes room for per hit that is returned. */
  readonly perHit: number;
}

export const searchSize = (
  { header, scratch }: Pick<FaissLayout, "header" | "scratch">,
  { nprobe }: SearchParameters = {},
): SearchSize => {
  const searched = searchedBy(header);
  const lists = searched.nlist === undefined ? 0 : Math.min(searched.nlist, nprobe ?? searched.nprobe!);
  return {
    dimension: header.dimension,
    ntotal: header.ntotal,
    perQuery: scratch + lists * HIT + header.dimension * 4,
    perHit: 1 + refineFactor(header),
  };
};

const refineFactor = (header: FaissHeader): number => header.kFactor ?? (header.inner ? refineFactor(header.inner) : 0);

/** Bytes of an id and a distance. */
const HIT = 12;
/** Memory that one call of FAISS may take; more queries are searched in several. */
const MOST_AT_ONCE = 64 * 2 ** 20;

/** Queries that one call may have. */
const rowsAtOnce = ({ ntotal, perQuery, perHit }: SearchSize, k: number): number =>
  Math.max(1, Math.floor(MOST_AT_ONCE / (perQuery + Math.min(ntotal + k, k * perHit) * HIT)));

/** Splits a batch whose search would take too much memory at once. */
function inParts(find: Find, size: SearchSize): Find {
  return (queries, count, k, signal) => {
    const rows = rowsAtOnce(size, k);
    if (count <= rows) return find(queries, count, k, signal);
    const { dimension } = size;
    return (async () => {
      const hits: Hits[] = [];
      for (let first = 0; first < count; first += rows) {
        if (signal?.aborted) throw new RuntimeFault("CANCELLED", "the request was cancelled");
        const n = Math.min(rows, count - first);
        const part = queries.subarray(first * dimension, (first + n) * dimension);
        hits.push(...(await find(part, n, k, signal)));
      }
      return hits;
    })();
  };
}

/** @returns at once where `find` does and nothing is excluded */
export function search(
  find: Find,
  of: SearchSize,
  queries: Float32Array,
  count: number,
  k: number,
  excluded?: Excluded,
  signal?: Cancellation,
): FaissHits | Promise<FaissHits> {
  const rows = excluded
    ? pastExcluded(inParts(find, of), of, queries, count, k, excluded, signal)
    : count <= rowsAtOnce(of, k)
      ? find(queries, count, k, signal)
      : inParts(find, of)(queries, count, k, signal);
  return rows instanceof Promise ? rows.then(join) : join(rows);
}

/** Rows one after the other; a single row as it is. */
export function join(rows: readonly Hits[]): FaissHits {
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

/**
 * Rows that are short are searched again, once, for as many more as they exclude. Rows with similar numbers of exclusions are searched
 * together: a row that excludes many ids must not widen the search of all others.
 */
async function pastExcluded(
  find: Find,
  { dimension, ntotal }: SearchSize,
  queries: Float32Array,
  count: number,
  k: number,
  { ids, offsets }: Excluded,
  signal?: Cancellation,
): Promise<Hits[]> {
  const sets = Array.from({ length: count }, (_, row) => new Set(ids.subarray(offsets[row]!, offsets[row + 1]!)));
  const rows: Hits[] = new Array(count);
  const searchAll = async (some: readonly number[], wide: number): Promise<number[]> => {
    const found = await find(rowsOf(queries, dimension, some), some.length, wide, signal);
    return some.filter((row, i) => {
      const hits = found[i]!;
      rows[row] = without(hits, sets[row]!, k);
      // An index that finds fewer than requested has no more.
      return rows[row].ids.length < k && hits.ids.length === wide && wide < ntotal;
    });
  };
  const all = Array.from({ length: count }, (_, row) => row);
  // Enough for a query that meets half of its exclusions.
  for (const [half, some] of bySize(all, row => Math.ceil(sets[row]!.size / 2))) {
    const short = await searchAll(some, Math.min(ntotal, k + half));
    // All exclusions may be among the best, and then `k` others follow.
    if (short.length > 0) await searchAll(short, Math.min(ntotal, k + 2 * half));
  }
  return rows;
}

/** The vectors of some queries, one after the other. */
export function rowsOf(queries: Float32Array, dimension: number, rows: readonly number[]): Float32Array {
  const some = new Float32Array(rows.length * dimension);
  rows.forEach((row, i) => {
    some.set(queries.subarray(row * dimension, (row + 1) * dimension), i * dimension);
  });
  return some;
}

/** Rows by a size, which is rounded up so that there are few groups. */
function bySize(rows: readonly number[], size: (row: number) => number): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  for (const row of rows) {
    const n = size(row);
    const rounded = n === 0 ? 0 : 2 ** Math.ceil(Math.log2(n));
    const group = groups.get(rounded);
    if (group) group.push(row);
    else groups.set(rounded, [row]);
  }
  return groups;
}

function without({ ids, distances }: Hits, excluded: ReadonlySet<bigint>, k: number): Hits {
  if (excluded.size === 0) return { ids: ids.subarray(0, k), distances: distances.subarray(0, k) };
  const kept: number[] = [];
  for (let i = 0; i < ids.length && kept.length < k; i++) if (!excluded.has(ids[i]!)) kept.push(i);
  return { ids: BigInt64Array.from(kept, i => ids[i]!), distances: Float32Array.from(kept, i => distances[i]!) };
}
