/** A `faiss-node` index → a search that answers exact ids and leaves out what FAISS did not find, which it marks by -1. */
import type { Index } from "faiss-node";
import type { Hits, SearchSize } from "./search.js";

export interface LoadedIndex extends SearchSize {
  readonly index: Index;
  /** Real ids by position, where the file has ids that a JavaScript number can not hold. */
  readonly ids: BigInt64Array | undefined;
}

export function findIn({ index, ids }: LoadedIndex, queries: Float32Array, count: number, k: number): Hits[] {
  const { labels, distances } = index.search(Array.from(queries), k);
  return Array.from({ length: count }, (_, row) => {
    const found = new BigInt64Array(k);
    const words = new Int32Array(found.buffer);
    const scores = new Float32Array(k);
    let n = 0;
    for (let i = row * k; i < (row + 1) * k; i++) {
      const label = labels[i]!;
      if (label < 0) continue;
      if (ids) found[n] = idAt(ids, label);
      else {
        words[2 * n] = label % 2 ** 32;
        words[2 * n + 1] = Math.floor(label / 2 ** 32);
      }
      scores[n++] = distances[i]!;
    }
    return { ids: found.subarray(0, n), distances: scores.subarray(0, n) };
  });
}

function idAt(ids: BigInt64Array, position: number): bigint {
  const id = ids[position];
  if (id === undefined) throw new RangeError(`FAISS found the position ${position} among ${ids.length}`);
  return id;
}
