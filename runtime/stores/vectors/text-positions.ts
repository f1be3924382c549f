/** Texts of an id map → their positions: an open-addressing table of positions, eight to sixteen bytes a text, outside the heap. */
import type { TextIds } from "../../../formats/faiss/text-ids.js";
import { siphash } from "../../../formats/hashes/siphash.js";
import type { Column, Rows } from "../../base/columns/table.js";
import { RuntimeFault } from "../../base/errors.js";
import type { Excluded } from "./protocol.js";

/** @returns the position of a text, or −1; O(1) */
export function textPositions(ids: TextIds): (text: string) => number {
  const size = 2 ** Math.ceil(Math.log2(2 * ids.count + 2));
  /** 1 + a position; 0 is free. */
  const table = new Uint32Array(size);
  const hash = new Int32Array(2);
  const place = (text: string): number => {
    siphash(text, hash, 0);
    let at = hash[0]! & (size - 1);
    while (table[at] !== 0 && ids.at(table[at]! - 1) !== text) at = (at + 1) & (size - 1);
    return at;
  };
  for (let position = 0; position < ids.count; position++) table[place(ids.at(position))] = position + 1;
  return text => table[place(text)]! - 1;
}

/**
 * A column of texts that a search leaves out, one or one list per row, as positions; nulls, and texts that the map lacks, exclude nothing.
 * @throws RuntimeFault for a column of another dtype
 */
export function excludedTexts(
  { dtype, values, offsets, width = 1, validity }: Column,
  rows: Rows,
  positionOf: (text: string) => number,
): Excluded {
  if (dtype !== "string")
    throw new RuntimeFault("INVALID_ARGUMENT", `\`exclude\` holds ${dtype}, and the ids of the index are texts.`);
  const runs = new Int32Array(rows.count + 1);
  const ids: bigint[] = [];
  for (let row = 0; row < rows.count; row++) {
    const end = offsets ? offsets[row + 1]! : (row + 1) * width;
    for (let i = offsets ? offsets[row]! : row * width; i < end; i++) {
      if (validity?.[i] === 0) continue;
      const position = positionOf(values[i] as string);
      if (position >= 0) ids.push(BigInt(position));
    }
    runs[row + 1] = ids.length;
  }
  return { ids: BigInt64Array.from(ids), offsets: runs };
}
