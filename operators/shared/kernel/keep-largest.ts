/** Keys of one row → positions of the k largest, largest first; equal keys keep their order. */
import { int32s } from "../../../runtime/base/columns/short-arrays.js";

/** Up to here a place among the k is found by moving the others. */
const SMALL = 64;

/** @param keys of the row, in places 0 … n − 1 @returns their places */
export function keepLargest(keys: Float64Array, n: number, k: number): Int32Array {
  if (k > SMALL)
    return int32s(n)
      .map((_, i) => i)
      .sort((a, b) => keys[b]! - keys[a]! || a - b)
      .slice(0, k);
  const kept = int32s(Math.min(k, n));
  let count = 0;
  for (let i = 0; i < n; i++) {
    const key = keys[i]!;
    if (count === kept.length && !(key > keys[kept[count - 1]!]!)) continue;
    let at = count < kept.length ? count++ : count - 1;
    for (; at > 0 && key > keys[kept[at - 1]!]!; at--) kept[at] = kept[at - 1]!;
    kept[at] = i;
  }
  return kept;
}
