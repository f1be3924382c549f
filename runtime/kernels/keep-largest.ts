/** Keys of one row -> positions of the k largest, largest first; equal keys keep their order. */
import { int32s } from "../plan/short-arrays.js";

const SMALL = 64;

/** @param keys of all rows; the row is `keys[start] … keys[end - 1]` @returns positions in `keys` */
export function keepLargest(keys: Float64Array, start: number, end: number, k: number): Int32Array {
  const n = end - start;
  const kept = int32s(Math.min(k, n));
  if (k > SMALL) return largestOfMany(keys, start, end, kept);
  let count = 0;
  for (let i = start; i < end; i++) {
    const key = keys[i]!;
    if (count === kept.length && !(key > keys[kept[count - 1]!]!)) continue;
    let at = count < kept.length ? count++ : count - 1;
    for (; at > 0 && key > keys[kept[at - 1]!]!; at--) kept[at] = kept[at - 1]!;
    kept[at] = i;
  }
  return kept;
}

/** Numbers sort many times faster than positions by their keys, so they say which positions are to be sorted at all. */
function largestOfMany(keys: Float64Array, start: number, end: number, kept: Int32Array): Int32Array {
  const others = end - start - kept.length;
  const least = others > 0 ? keys.slice(start, end).sort()[others]! : Number.NEGATIVE_INFINITY;
  let ties = kept.length;
  for (let i = start; i < end; i++) if (keys[i]! > least) ties--;
  let count = 0;
  for (let i = start; i < end; i++) if (keys[i]! > least || (keys[i] === least && ties-- > 0)) kept[count++] = i;
  return kept.sort((a, b) => compare(keys[b]!, keys[a]!) || a - b);
}

/** Infinities compare equal to themselves, which subtraction would make NaN. */
const compare = (a: number, b: number): number => (a < b ? -1 : a > b ? 1 : 0);
