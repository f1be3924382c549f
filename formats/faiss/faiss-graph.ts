/** The graph of an HNSW index in a FAISS file: links that FAISS follows without looking where they lead. */
import type { ByteSource } from "../bytes/byte-source.js";
import { damaged, type FaissReader } from "./faiss-reader.js";

/** A search allocates this number of candidates, for any number of vectors. */
export const MAX_EF_SEARCH = 1_000_000;

export function hnswGraph(r: FaissReader, ntotal: number): { readonly efSearch: number; readonly efSearchAt: number } {
  r.skip(r.count() * 8, "level probabilities");
  const perLevel = int32s(r, r.count());
  if (perLevel.length > 0 && perLevel[0] !== 0) throw damaged(r.where, "links of the lowest level do not begin at 0");
  for (let i = 1; i < perLevel.length; i++)
    if (perLevel[i]! < perLevel[i - 1]!) throw damaged(r.where, "neighbor counts of levels decrease");
  const count = r.count();
  const levels = int32s(r, count);
  if (count !== ntotal || levels.some(level => level < 1 || level >= perLevel.length))
    throw damaged(r.where, "levels do not fit the vectors");
  const offsetCount = r.count();
  const offsets = r.view(offsetCount * 8);
  const neighbourCount = r.count();
  const neighbours = int32s(r, neighbourCount);
  if (neighbours.some(id => id < -1 || id >= ntotal)) throw damaged(r.where, "a link to a vector that does not exist");
  if (offsetCount !== ntotal + 1) throw damaged(r.where, `${offsetCount} link offsets for ${ntotal} vectors`);
  let at = 0;
  for (let i = 0; i <= ntotal; i++) {
    if (offsets.getBigUint64(i * 8, true) !== BigInt(at))
      throw damaged(r.where, `links of vector ${i} begin elsewhere`);
    if (i === ntotal) break;
    if (at + perLevel[levels[i]!]! > neighbourCount) break;
    // On an upper level FAISS continues with the links that the neighbor has on that level.
    for (let level = 1; level < levels[i]!; level++)
      for (let link = at + perLevel[level]!; link < at + perLevel[level + 1]!; link++)
        if (neighbours[link]! >= 0 && levels[neighbours[link]!]! <= level)
          throw damaged(
            r.where,
            `on level ${level} vector ${i} links to vector ${neighbours[link]}, which is not there`,
          );
    at += perLevel[levels[i]!]!;
  }
  if (at !== neighbourCount) throw damaged(r.where, "links end early");
  const entry = r.int32();
  const maxLevel = r.int32();
  if (
    entry < -1 ||
    entry >= ntotal ||
    (ntotal > 0 && entry === -1) ||
    maxLevel < (ntotal > 0 ? 0 : -1) ||
    maxLevel >= Math.max(perLevel.length - 1, 0) ||
    (entry >= 0 && maxLevel > levels[entry]! - 1)
  )
    throw damaged(r.where, `it starts at vector ${entry} on level ${maxLevel}`);
  r.skip(4, "efConstruction");
  const efSearchAt = r.at();
  const efSearch = r.int32();
  if (efSearch < 1 || efSearch > MAX_EF_SEARCH) throw damaged(r.where, `efSearch is ${efSearch}`);
  // FAISS no longer uses it.
  r.skip(4, "the upper beam");
  return { efSearch, efSearchAt };
}

/** Links of a vector on the upper levels of a graph (FAISS's M); on the lowest it has twice as many. @param graph a whole HNSW index that was checked */
export function linksOf(graph: ByteSource): number {
  const at = (offset: number): DataView => {
    const bytes = graph.read(offset, 8);
    return new DataView(bytes.buffer, bytes.byteOffset, 8);
  };
  // Behind the common header: probabilities of levels, then sums of links.
  const probabilities = Number(at(HEAD).getBigUint64(0, true));
  return at(HEAD + 8 + 8 * probabilities + 8 + 4).getInt32(0, true) / 2;
}

const HEAD = 37;

function int32s(r: FaissReader, length: number): Int32Array {
  const view = r.view(length * 4);
  return Int32Array.from({ length }, (_, i) => view.getInt32(i * 4, true));
}
