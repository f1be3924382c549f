/** Searches plain vectors in this thread: if the binding is not compiled, filtered searches and those of vectors in memory are exact and slower. */
import { readFile } from "node:fs/promises";
import { type FaissHeader, readFaissVectors } from "../../../formats/faiss/faiss.js";
import { unsupported } from "../../base/errors.js";
import type { Among, FilteredIndex } from "./filtered-search.js";
import { type Find, type Hits, search } from "./search.js";

/** @param isBound whether the binding is there, and refused the kind @throws RuntimeFault naming the file */
export async function openPlainIndex(path: string, header: FaissHeader, isBound: boolean): Promise<FilteredIndex> {
  const { kind } = header;
  const read = isBound || kind === "pre-transform" ? undefined : readFaissVectors(await readFile(path));
  if (!read)
    throw unsupported(
      `${path} (${kind}) is not searched with a condition${isBound ? "" : " without the native search, which needs g++ and libfaiss-dev (`merlon doctor`)"}. Build a Flat, IVF or HNSW index.`,
    );
  return plainVectors(header, read);
}

/** Vectors in memory with their ids, searched in this thread. */
export function plainVectors(
  header: FaissHeader,
  { vectors, ids }: { readonly vectors: Float32Array; readonly ids: BigInt64Array },
): FilteredIndex {
  const { dimension, ntotal, metric } = header;
  // A large batch is searched in parts, between which it can be cancelled.
  const size = { dimension, ntotal, perQuery: 4 * ntotal, perHit: 1 };
  const searchAmong: FilteredIndex["searchAmong"] = (among, ...asked) => {
    const find: Find = (queries, count, k) =>
      Array.from({ length: count }, (_, row) =>
        nearest(vectors, ids, queries.subarray(row * dimension, (row + 1) * dimension), k, metric, among),
      );
    return search(find, size, ...asked);
  };
  const bits = new Uint8Array(Math.ceil(ntotal / 8)).fill(255);
  return {
    header,
    ids,
    searchAmong,
    search: (...asked) => searchAmong({ bits, count: ntotal, way: "exact", effort: 0 }, ...asked),
    close: async () => {},
  };
}

type Scored = readonly [score: number, position: number];
/** Vectors that are scored between two cuts. */
const CHUNK = 1024;

function cutToBest(found: Scored[], k: number): void {
  found.sort(([a, i], [b, j]) => a - b || i - j);
  found.length = Math.min(found.length, k);
}

function nearest(
  vectors: Float32Array,
  ids: BigInt64Array,
  query: Float32Array,
  k: number,
  metric: FaissHeader["metric"],
  { bits }: Among,
): Hits {
  const found: Scored[] = [];
  for (let i = 0; i < ids.length; i++) {
    if (((bits[i >> 3]! >> (i & 7)) & 1) === 0) continue;
    let score = 0;
    for (let j = 0; j < query.length; j++) {
      const x = vectors[i * query.length + j]!;
      score += metric === "ip" ? -query[j]! * x : (query[j]! - x) ** 2;
    }
    found.push([score, i]);
    if (found.length === 2 * k + CHUNK) cutToBest(found, k);
  }
  cutToBest(found, k);
  return {
    ids: BigInt64Array.from(found, ([, i]) => ids[i]!),
    distances: Float32Array.from(found, ([score]) => (metric === "ip" ? -score : score)),
  };
}
