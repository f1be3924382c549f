/**
 * Random words for one user's draw. They depend on the seed, the step and the user's own candidates only, so a batch draws what its rows draw
 * one by one.
 */
import { ancestorIndex } from "../../../runtime/base/columns/row-map.js";
import type { Rows, Values } from "../../../runtime/base/columns/table.js";
import { words } from "../../../runtime/base/columns/words.js";
import type { RunContext } from "../../../runtime/engine/schedule/kernel.js";
import { philoxRun } from "./philox.js";
import { hashText } from "./text-hash.js";

export interface RowDraw {
  readonly context: RunContext;
  /** The author's seed. A seed of the request precedes it. */
  readonly seed: number | undefined;
  /** Hash of the step's id. */
  readonly stepHash: number;
}

/**
 * Fills `to` with two words for each of `counters` counters.
 * @param start row of the user's first candidate among all users' @param end row after the last @param row of the user
 */
export type RowWords = (to: Int32Array, counters: number, start: number, end: number, row: number) => void;

/** @param rows of the candidates @param ids of the candidates */
export function rowWords({ context, seed, stepHash }: RowDraw, rows: Rows, ids: Values): RowWords {
  const seedOf = seedOfRow(context, seed, rows);
  return (to, counters, start, end, row) => {
    const own = seedOf(row);
    philoxRun(to, counters, hashRun(ids, start, end), stepHash, lowWord(own), lowWord(own >> 32n));
  };
}

const lowWord = (value: bigint): number => Number(BigInt.asIntN(32, value));

/** The request's seed, else the author's, else the server's. */
function seedOfRow({ seed, seeds, parameters }: RunContext, authored: number | undefined, rows: Rows) {
  if (authored !== undefined && !parameters.has("seed")) return always(BigInt(authored));
  if (!seeds) return always(seed);
  let root = rows;
  while (root.parent) root = root.parent;
  const request = rows.parent === root ? undefined : ancestorIndex(rows.parent!, root);
  return (row: number): bigint => seeds[request ? request[row]! : row] ?? seed;
}

const always = (seed: bigint) => (): bigint => seed;

const BASIS = 0x811c9dc5;

/** FNV-1a by words over the ids of one row. */
function hashRun(ids: Values, start: number, end: number): number {
  let hash = BASIS;
  if (ids instanceof BigInt64Array || ids instanceof BigUint64Array) {
    const pairs = words(ids);
    for (let i = 2 * start; i < 2 * end; i++) hash = addWord(hash, pairs[i]!);
  } else
    for (let i = start; i < end; i++)
      hash = addWord(hash, typeof ids[i] === "string" ? hashText(ids[i] as string) : Number(ids[i]));
  return hash;
}

function addWord(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x01000193);
  return mixed ^ (mixed >>> 15);
}
