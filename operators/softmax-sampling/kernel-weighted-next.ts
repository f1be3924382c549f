/**
 * Scores of one user's candidates → the next place of a draw with weights exp(T · score) among those that are left, by its cumulative sum.
 * Infinite weights are ordered as the Gumbel race orders them: first, or last, in the order of the candidates.
 */
import { float64s } from "../../runtime/base/columns/short-arrays.js";
import type { NextPlace } from "../shared/kernel/mixed-draw.js";
import { logWeight } from "../shared/kernel/plackett-luce.js";

/**
 * A place's probability is exact up to 2⁻⁵³: the floor that is mixed in exceeds this.
 * @param scores float64[≥ count]: places 0 … count − 1; read at each position
 */
export function weightedNext(scores: Float64Array, count: number, temperature: number): NextPlace {
  /** exp(weight − weight of `heaviest`) of each candidate */
  const shares = float64s(count);
  const weightOf = (i: number): number => logWeight(temperature, scores[i]!);
  let heaviest = -1;
  return (isTaken, chance) => {
    if (heaviest < 0 || isTaken[heaviest] === 1) {
      heaviest = heaviestOf(isTaken, count, weightOf);
      const most = weightOf(heaviest);
      for (let i = 0; i < count; i++) shares[i] = Number.isFinite(most) ? Math.exp(weightOf(i) - most) : 0;
    }
    // The first of infinite weight is certain.
    if (!Number.isFinite(weightOf(heaviest))) return heaviest;
    let total = 0;
    for (let i = 0; i < count; i++) if (isTaken[i] === 0) total += shares[i]!;
    let rest = chance * total;
    let place = heaviest;
    for (let i = 0; i < count; i++) {
      if (isTaken[i] === 1 || shares[i] === 0) continue;
      place = i;
      rest -= shares[i]!;
      if (rest < 0) break;
    }
    return place;
  };
}

function heaviestOf(isTaken: Uint8Array, count: number, weightOf: (i: number) => number): number {
  let best = -1;
  for (let i = 0; i < count; i++) if (isTaken[i] === 0 && (best < 0 || weightOf(i) > weightOf(best))) best = i;
  return best;
}
