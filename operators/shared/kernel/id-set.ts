/**
 * Membership of ids: a run of an id column → a test of single values of another column of the same dtype. 64-bit ids are compared as pairs
 * of words in an open-addressing table, without a BigInt per candidate.
 */
import { int32s } from "../../../runtime/base/columns/short-arrays.js";
import type { Values } from "../../../runtime/base/columns/table.js";
import { words } from "../../../runtime/base/columns/words.js";

/** Says whether value `i` of the candidates is in the run that was filled in. */
export interface IdSet {
  fill(start: number, end: number): void;
  has(i: number): boolean;
}

/**
 * @param ids the source of runs @param validity 0 marks nulls, which are in no set
 * @param candidates the source of tested values; the same kind of array as `ids`
 */
export function idSet(ids: Values, validity: Uint8Array | undefined, candidates: Values): IdSet {
  if (ids instanceof BigInt64Array || ids instanceof BigUint64Array)
    return wordSet(words(ids), validity, words(candidates as BigInt64Array));
  const members = new Set<number | string | bigint>();
  return {
    fill: (start, end) => {
      members.clear();
      // A float that is no number is null, and in no set.
      for (let i = start; i < end; i++) if (validity?.[i] !== 0 && !Number.isNaN(ids[i])) members.add(ids[i]!);
    },
    has: i => members.has(candidates[i]!),
  };
}

function wordSet(ids: Int32Array, validity: Uint8Array | undefined, candidates: Int32Array): IdSet {
  // Places hold 1 + the index of an id; 0 is free.
  let table = int32s(0);
  let mask = 0;
  const place = (lo: number, hi: number): number => {
    let at = mix(lo, hi) & mask;
    for (let held = table[at]!; held !== 0; held = table[at]!) {
      if (ids[2 * held - 2] === lo && ids[2 * held - 1] === hi) return at;
      at = (at + 1) & mask;
    }
    return at;
  };
  return {
    fill: (start, end) => {
      let size = 16;
      while (size < 2 * (end - start)) size *= 2;
      if (size > table.length) table = int32s(size);
      else table.fill(0, 0, size);
      mask = size - 1;
      for (let i = start; i < end; i++) if (validity?.[i] !== 0) table[place(ids[2 * i]!, ids[2 * i + 1]!)] = i + 1;
    },
    has: i => table[place(candidates[2 * i]!, candidates[2 * i + 1]!)] !== 0,
  };
}

function mix(lo: number, hi: number): number {
  let h = Math.imul(lo ^ Math.imul(hi, 0x9e3779b1), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
