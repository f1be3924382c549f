/**
 * Maximal marginal relevance (Carbonell and Goldstein, 1998): again and again the candidate with the largest
 * balance · relevance − (1 − balance) · max likeness to those taken.
 */

import { cosines } from "./kernel-cosines.js";
import type { Pool } from "./kernel-pool.js";

/** @returns positions in the pool, in the order they were taken; the first of equals */
export function mmr(pool: Pool, k: number, balance: number): Int32Array {
  const { count, relevance } = pool;
  const taken = new Int32Array(k);
  const likeness = new Float64Array(count);
  const nearest = new Float64Array(count).fill(Number.NEGATIVE_INFINITY);
  const isTaken = new Uint8Array(count);
  for (let n = 0; n < k; n++) {
    let best = -1;
    let bestValue = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < count; i++) {
      if (isTaken[i]) continue;
      const value = balance * relevance[i]! - (n === 0 ? 0 : (1 - balance) * nearest[i]!);
      if (value > bestValue) {
        best = i;
        bestValue = value;
      }
    }
    taken[n] = best;
    isTaken[best] = 1;
    if (n + 1 === k) break;
    cosines(pool, best, likeness);
    for (let i = 0; i < count; i++) if (likeness[i]! > nearest[i]!) nearest[i] = likeness[i]!;
  }
  return taken;
}
