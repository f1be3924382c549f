/**
 * Greedy search for the most probable subset of a determinantal point process (Chen, Zhang and Zhou, "Fast Greedy MAP Inference for
 * Determinantal Point Process", 2018). Kernel L = diag(q) · S · diag(q), with quality q = exp(balance / (2 (1 − balance)) · relevance) and
 * S = (1 + cosine) / 2. Each round takes the candidate that multiplies det(L) the most, with an incremental Cholesky factor.
 */

import { cosines } from "./kernel-cosines.js";
import type { Pool } from "./kernel-pool.js";

/** A candidate adds nothing if less than this share of its first gain is left: of more candidates than dimensions, rounding leaves some. */
const NEGLIGIBLE = 1e-10;
/** Keeps qualities finite as balance nears 1. */
const STEEPEST = 50;

/** @returns positions in the pool, in the order they were taken; when the set is exhausted, the rest by relevance */
export function dpp(pool: Pool, k: number, balance: number): Int32Array {
  const { count, relevance } = pool;
  const steepness = Math.min(STEEPEST, balance / (2 * (1 - balance)));
  const quality = new Float64Array(count);
  const gain = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    quality[i] = Math.exp(steepness * relevance[i]!);
    gain[i] = quality[i]! * quality[i]!;
  }
  // Column n of the factor, a number for each candidate, is made in round n.
  const factors: Float64Array[] = [];
  const cosine = new Float64Array(count);
  const isTaken = new Uint8Array(count);
  const taken = new Int32Array(k);
  for (let n = 0; n < k; n++) {
    let best = largest(gain, isTaken);
    if (gain[best] === 0) best = largest(relevance, isTaken);
    taken[n] = best;
    isTaken[best] = 1;
    if (gain[best] === 0 || n + 1 === k) continue;
    cosines(pool, best, cosine);
    const column = new Float64Array(count);
    for (const earlier of factors) {
      const own = earlier[best]!;
      for (let i = 0; i < count; i++) column[i]! += own * earlier[i]!;
    }
    const root = Math.sqrt(gain[best]!);
    for (let i = 0; i < count; i++) {
      const factor = (quality[best]! * quality[i]! * ((1 + cosine[i]!) / 2) - column[i]!) / root;
      column[i] = factor;
      const left = gain[i]! - factor * factor;
      gain[i] = left < NEGLIGIBLE * quality[i]! * quality[i]! ? 0 : left;
    }
    factors.push(column);
  }
  return taken;
}

/** The first of the largest that are not taken. */
function largest(values: Float64Array, isTaken: Uint8Array): number {
  let best = -1;
  for (let i = 0; i < isTaken.length; i++) if (!isTaken[i] && (best < 0 || values[i]! > values[best]!)) best = i;
  return best;
}
