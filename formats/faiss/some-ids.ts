/** Some ids of an index, spread over its file, without reading the rest. */
import { type ByteSource, withFile } from "../bytes/byte-source.js";
import { readFaissLayout } from "./faiss-layout.js";

/**
 * @param file a FAISS index
 * @param most how many at most
 * @returns ids as a search answers them: those that the file holds, or positions from 0 on
 * @throws FaissFileError
 */
export const someIds = (file: string, most: number): bigint[] => withFile(file, source => idsOf(source, file, most));

function idsOf(source: ByteSource, where: string, most: number): bigint[] {
  const { header, idRuns } = readFaissLayout(source, where);
  const places = spread(header.ntotal, most);
  if (header.ids === "positions") return places.map(BigInt);
  const ids: bigint[] = [];
  let before = 0;
  let next = 0;
  for (const { offset, count } of idRuns) {
    for (; next < places.length && places[next]! < before + count; next++) {
      const bytes = source.read(offset + 8 * (places[next]! - before), 8);
      ids.push(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigInt64(0, true));
    }
    before += count;
  }
  return ids;
}

/** At most N of 0 … count - 1, evenly spread, rising. */
export const spread = (count: number, most: number): number[] =>
  Array.from({ length: Math.min(count, most) }, (_, i) => Math.floor((i * count) / Math.min(count, most)));
