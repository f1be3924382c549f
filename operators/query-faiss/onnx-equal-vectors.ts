/** Vectors of inverted lists → two items whose vectors are the same bits, so that no score tells them apart. */
import type { FaissLists } from "../../formats/faiss/faiss.js";

/** @returns the ids of the first two; undefined where all differ */
export function equalVectors({ lists, centroids }: FaissLists): readonly [bigint, bigint] | undefined {
  const dimension = centroids.length / lists.length;
  const seen = new Map<number, { readonly id: bigint; readonly words: Uint32Array }>();
  for (const { ids, vectors } of lists)
    for (let i = 0; i < ids.length; i++) {
      const own = vectors.subarray(i * dimension, (i + 1) * dimension);
      const words = new Uint32Array(own.buffer, own.byteOffset, dimension);
      const hash = hashOf(words);
      const other = seen.get(hash);
      if (!other) seen.set(hash, { id: ids[i]!, words });
      else if (other.words.every((word, at) => word === words[at])) return [other.id, ids[i]!];
    }
  return undefined;
}

/** FNV-1a, a word at a time. */
function hashOf(words: Uint32Array): number {
  let hash = 0x811c9dc5;
  for (const word of words) hash = Math.imul(hash ^ word, 0x01000193);
  return hash;
}
