/** Keys of one row → positions of the k largest, largest first; equal keys keep their order. */
import { int32s } from "../../../runtime/base/columns/short-arrays.js";

/** Up to here a place among the k is found by moving the others. */
const SMALL = 64;
/** Runs of this length are sorted by insertion before they are merged. */
const RUN = 8;

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
  return sortByKey(kept, keys);
}

/** Merges ever longer runs, the left one first where keys are equal: a comparing function for each pair would take several times as long. */
function sortByKey(positions: Int32Array, keys: Float64Array): Int32Array {
  const n = positions.length;
  for (let start = 0; start < n; start += RUN)
    for (let i = start + 1; i < Math.min(start + RUN, n); i++) {
      const position = positions[i]!;
      const key = keys[position]!;
      let at = i;
      for (; at > start && key > keys[positions[at - 1]!]!; at--) positions[at] = positions[at - 1]!;
      positions[at] = position;
    }
  let [from, to] = [positions, int32s(n)];
  for (let run = RUN; run < n; run *= 2) {
    for (let start = 0; start < n; start += 2 * run) merge(from, to, start, run, keys);
    [from, to] = [to, from];
  }
  return from;
}

function merge(from: Int32Array, to: Int32Array, start: number, run: number, keys: Float64Array): void {
  const middle = Math.min(start + run, from.length);
  const end = Math.min(middle + run, from.length);
  let left = start;
  let right = middle;
  for (let i = start; i < end; i++) {
    const isRight = left === middle || (right < end && keys[from[right]!]! > keys[from[left]!]!);
    to[i] = from[isRight ? right++ : left++]!;
  }
}
