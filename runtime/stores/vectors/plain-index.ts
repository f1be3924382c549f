/** Searches a FAISS file of plain vectors in this thread: if the binding is not compiled, a filtered search is exact and slower. */
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
  const size = { dimension, ntotal, perQuery: 0, perHit: 1 };
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

function nearest(
  vectors: Float32Array,
  ids: BigInt64Array,
  query: Float32Array,
  k: number,
  metric: FaissHeader["metric"],
  { bits }: Among,
): Hits {
  const found: (readonly [score: number, position: number])[] = [];
  for (let i = 0; i < ids.length; i++) {
    if (((bits[i >> 3]! >> (i & 7)) & 1) === 0) continue;
    let score = 0;
    for (let j = 0; j < query.length; j++) {
      const x = vectors[i * query.length + j]!;
      score += metric === "ip" ? -query[j]! * x : (query[j]! - x) ** 2;
    }
    found.push([score, i]);
  }
  const best = found.sort(([a, i], [b, j]) => a - b || i - j).slice(0, k);
  return {
    ids: BigInt64Array.from(best, ([, i]) => ids[i]!),
    distances: Float32Array.from(best, ([score]) => (metric === "ip" ? -score : score)),
  };
}
