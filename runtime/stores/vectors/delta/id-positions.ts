/** Ids of an index → their positions: an open-addressing table, eight to sixteen bytes an id, outside the heap. */

import { randomInt } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { words } from "../../../base/columns/words.js";
import type { DeltaId } from "./delta-contents.js";

/** Ids that are put into the table before other work of the process gets a turn. */
const TURN = 2 ** 16;

/** @returns every position that holds an id; an index may hold one several times */
export async function idPositions(ids: BigInt64Array): Promise<(id: bigint) => readonly number[]> {
  const size = 2 ** Math.ceil(Math.log2(2 * ids.length + 2));
  /** 1 + a position; 0 is free. */
  const table = new Uint32Array(size);
  const pairs = words(ids);
  // A secret of this process, so that a file cannot contain ids that all collide.
  const seed = randomInt(2 ** 32) | 0;
  const slotOf = (low: number, high: number): number => {
    const mixed = Math.imul(
      Math.imul(low ^ seed, 0x85ebca6b) ^ (low >>> 15) ^ Math.imul(high ^ (seed >>> 1), 0xc2b2ae35),
      0x9e3779b1,
    );
    return (mixed ^ (mixed >>> 15)) & (size - 1);
  };
  for (let position = 0; position < ids.length; position++) {
    let at = slotOf(pairs[2 * position]!, pairs[2 * position + 1]!);
    while (table[at] !== 0) at = (at + 1) & (size - 1);
    table[at] = position + 1;
    if (position % TURN === TURN - 1) await setImmediate();
  }
  const wanted = new BigInt64Array(1);
  const [of] = [words(wanted)];
  return id => {
    wanted[0] = id;
    const [low, high] = [of[0]!, of[1]!];
    const found: number[] = [];
    for (let at = slotOf(low, high); table[at] !== 0; at = (at + 1) & (size - 1)) {
      const position = table[at]! - 1;
      if (pairs[2 * position] === low && pairs[2 * position + 1] === high) found.push(position);
    }
    return found;
  };
}

/** For ids that are positions themselves, in an index with this number of vectors. */
export const ownPositions =
  (ntotal: number) =>
  (id: DeltaId): readonly number[] =>
    typeof id === "bigint" && id >= 0n && id < BigInt(ntotal) ? [Number(id)] : [];
