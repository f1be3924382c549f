/**
 * Greedy search for the most probable subset of a determinantal point process (Chen, Zhang and Zhou, "Fast Greedy MAP Inference for
 * Determinantal Point Process", 2018). Kernel L = diag(q) · S · diag(q), with quality q = exp(balance / (2 (1 − balance)) · relevance) and
 * S = (1 + cosine) / 2. Each round takes the candidate that multiplies det(L) the most, with an incremental Cholesky factor.
 */
import type { Pool } from "./diversify.js";

/** A further candidate changes nothing below this. */
const NEGLIGIBLE = 1e-10;
/** Keeps qualities finite as balance nears 1. */
const STEEPEST = 50;

/** @returns positions in the pool, in the order they were taken; when the set is exhausted, the rest by relevance */
export function dpp({ count, relevance, cosine }: Pool, k: number, balance: number): Int32Array {
  const steepness = Math.min(STEEPEST, balance / (2 * (1 - balance)));
  const quality = relevance.map(r => Math.exp(steepness * r));
  const likeness = (i: number, j: number) => (i === j ? 1 : (1 + cosine(i, j)) / 2);
  const gain = quality.map(q => q * q);
  const factors = Array.from({ length: count }, () => new Float64Array(k));
  const isTaken = new Uint8Array(count);
  const taken = new Int32Array(k);
  for (let n = 0; n < k; n++) {
    let best = -1;
    for (let i = 0; i < count; i++) if (!isTaken[i] && (best < 0 || gain[i]! > gain[best]!)) best = i;
    if (gain[best]! < NEGLIGIBLE) {
      best = -1;
      for (let i = 0; i < count; i++) if (!isTaken[i] && (best < 0 || relevance[i]! > relevance[best]!)) best = i;
    }
    taken[n] = best;
    isTaken[best] = 1;
    if (gain[best]! < NEGLIGIBLE) continue;
    const root = Math.sqrt(gain[best]!);
    const row = factors[best]!;
    for (let i = 0; i < count; i++) {
      if (isTaken[i]) continue;
      const other = factors[i]!;
      let dot = 0;
      for (let m = 0; m < n; m++) dot += row[m]! * other[m]!;
      const factor = (quality[best]! * quality[i]! * likeness(best, i) - dot) / root;
      other[n] = factor;
      gain[i] = Math.max(0, gain[i]! - factor * factor);
    }
  }
  return taken;
}
