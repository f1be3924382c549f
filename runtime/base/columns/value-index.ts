/**
 * Distinct values → a function from a column to each value's index among them, -1 if it is not one of them. Strings use a Map. Integers of
 * a small range use a table by distance, and other numbers an open-addressing table over pairs of 32-bit words. An int64 is never converted
 * to a BigInt.
 */

import { type MakeTable, ownTable } from "../shared/shared-table.js";
import { denseIndex } from "./dense-index.js";
import { int32s } from "./short-arrays.js";
import type { Column, Values } from "./table.js";
import { words } from "./words.js";

export type ValueIndex = (values: Values) => Int32Array;

/** Expected constant time a value. @param makeTable where the table of numbers is */
export function indexValues(distinct: Values, makeTable: MakeTable = ownTable): ValueIndex {
  if (Array.isArray(distinct)) return indexStrings(distinct);
  return denseIndex(distinct, makeTable) ?? indexWords(distinct as Exclude<Values, readonly string[]>, makeTable);
}

function indexStrings(distinct: readonly string[]): ValueIndex {
  const places = new Map(distinct.map((value, i) => [value, i]));
  return values => {
    const found = int32s(values.length);
    // A user's value is the same for all of their candidates.
    for (let i = 0; i < found.length; i++)
      found[i] = i > 0 && values[i] === values[i - 1] ? found[i - 1]! : (places.get(values[i] as string) ?? -1);
    return found;
  };
}

function indexWords(distinct: Exclude<Values, readonly string[]>, makeTable: MakeTable): ValueIndex {
  const keys = keyWords(distinct);
  const slots = 1 << Math.max(3, 32 - Math.clz32(distinct.length * 2 - 1));
  const mask = slots - 1;
  /** Place + 1 of the value in each slot; 0 is free. At most half are taken, so a search ends. */
  const table = makeTable("words 1", slots, fresh => {
    for (let i = 0; i < distinct.length; i++) {
      let slot = spread(keys[2 * i]!, keys[2 * i + 1]!) & mask;
      while (fresh[slot] !== 0) slot = (slot + 1) & mask;
      fresh[slot] = i + 1;
    }
  });
  return values => {
    const sought = keyWords(values);
    const found = int32s(values.length);
    for (let i = 0; i < found.length; i++) {
      const low = sought[2 * i]!;
      const high = sought[2 * i + 1]!;
      if (i > 0 && low === sought[2 * i - 2] && high === sought[2 * i - 1]) {
        found[i] = found[i - 1]!;
        continue;
      }
      let slot = spread(low, high) & mask;
      let place = table[slot]! - 1;
      while (place >= 0 && (keys[2 * place] !== low || keys[2 * place + 1] !== high)) {
        slot = (slot + 1) & mask;
        place = table[slot]! - 1;
      }
      found[i] = place;
    }
    return found;
  };
}

/** Murmur3's last mix, over both words. */
export function spread(low: number, high: number): number {
  let h = low ^ Math.imul(high, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Two words a value, equal for equal values: -0 is 0. 64-bit integers are viewed in place. */
function keyWords(values: Column["values"]): Int32Array {
  if (values instanceof BigInt64Array || values instanceof BigUint64Array) return words(values);
  const floats = new Float64Array(values as Float32Array);
  for (let i = 0; i < floats.length; i++) floats[i] = floats[i]! + 0;
  return new Int32Array(floats.buffer);
}
