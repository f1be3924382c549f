/** Unit vectors of one user's candidates → the cosine of each with one of them. Four at a time: a sum that waits for itself leaves the processor idle. */
import type { Pool } from "./kernel-pool.js";

/** @param to gets `count` numbers, each the sum of products in the order of dimensions */
export function cosines({ unit, width, count }: Pool, with_: number, to: Float64Array): void {
  const own = with_ * width;
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const at = i * width;
    let a = 0;
    let b = 0;
    let c = 0;
    let e = 0;
    for (let d = 0; d < width; d++) {
      const x = unit[own + d]!;
      a += x * unit[at + d]!;
      b += x * unit[at + width + d]!;
      c += x * unit[at + 2 * width + d]!;
      e += x * unit[at + 3 * width + d]!;
    }
    to[i] = a;
    to[i + 1] = b;
    to[i + 2] = c;
    to[i + 3] = e;
  }
  for (; i < count; i++) {
    let sum = 0;
    for (let d = 0; d < width; d++) sum += unit[own + d]! * unit[i * width + d]!;
    to[i] = sum;
  }
}
