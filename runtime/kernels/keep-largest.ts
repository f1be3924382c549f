/** Keys of one row -> positions of the k largest, largest first; equal keys keep their order. */
import { int32s } from "../plan/short-arrays.js";

const SMALL = 64;

/** @param keys of all rows; the row is `keys[start] … keys[end - 1]` @returns positions in `keys` */
export function keepLargest(keys: Float64Array, start: number, end: number, k: number): Int32Array {
  const n = end - start;
  const kept = int32s(Math.min(k, n));
  if (k > SMALL) {
    const order = Int32Array.from({ length: n }, (_, i) => start + i).sort(
      (a, b) => compare(keys[b]!, keys[a]!) || a - b,
    );
    kept.set(order.subarray(0, kept.length));
    return kept;
  }
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

/** Infinities compare equal to themselves, which subtraction would make NaN. */
const compare = (a: number, b: number): number => (a < b ? -1 : a > b ? 1 : 0);
