/** Texts of an id map → their positions: an open-addressing table of positions, eight to sixteen bytes a text, outside the heap. */
import { randomInt } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { TextIds } from "../../../formats/faiss/text-ids.js";
import type { Column, Rows } from "../../base/columns/table.js";
import { invalid } from "../../base/errors.js";
import type { Excluded } from "./protocol.js";

/** Texts that are put into the table before other work of the process gets a turn. */
const TURN = 2 ** 16;

/** @returns the position of a text, or −1; O(1) */
export async function textPositions({ count, bytes, start }: TextIds): Promise<(text: string) => number> {
  const size = 2 ** Math.ceil(Math.log2(2 * count + 2));
  /** 1 + a position; 0 is free. */
  const table = new Uint32Array(size);
  // A secret of this process, so that a file cannot contain texts that all collide.
  const seed = randomInt(2 ** 32) | 0;
  /** The slot of a text in the table, or the slot for it. */
  const place = (text: Uint8Array, from: number, to: number): number => {
    let at = hashOf(text, from, to, seed) & (size - 1);
    for (let held = table[at]!; held !== 0; held = table[at]!) {
      const own = start(held - 1);
      if (start(held) - own === to - from && isSame(bytes, own, text, from, to - from)) break;
      at = (at + 1) & (size - 1);
    }
    return at;
  };
  for (let position = 0; position < count; position++) {
    table[place(bytes, start(position), start(position + 1))] = position + 1;
    if (position % TURN === TURN - 1) await setImmediate();
  }
  return text => {
    const given = Buffer.from(text);
    return table[place(given, 0, given.length)]! - 1;
  };
}

/** FNV-1a, whose high bits are mixed into the low ones. */
function hashOf(bytes: Uint8Array, from: number, to: number, seed: number): number {
  let hash = seed;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return hash ^ (hash >>> 13);
}

function isSame(a: Uint8Array, at: number, b: Uint8Array, from: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[at + i] !== b[from + i]) return false;
  return true;
}

/**
 * A column of texts that a search excludes, one or one list per row, as positions. Nulls, and texts that are not in the map, exclude
 * nothing.
 * @throws RuntimeFault for a column of another dtype
 */
export function excludedTexts(
  { dtype, values, offsets, width = 1, validity }: Column,
  rows: Rows,
  positionOf: (text: string) => number,
): Excluded {
  if (dtype !== "string") throw invalid(`\`exclude\` holds ${dtype}, and the ids of the index are texts.`);
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
