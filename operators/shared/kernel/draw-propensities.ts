/** Scores of one user's candidates, a list of some of them, and the rule of the draw → the probability of each position of the list. */
import type { DrawRule } from "../spec/facts.js";
import { greedyPropensities, propensities } from "./plackett-luce.js";
import { mixedShare, uniformChance } from "./uniform-chance.js";

/**
 * Probabilities of a list under a draw without replacement, by score or by weights exp(T · score), with a uniform draw mixed in. They are the
 * mixture of the two draws' probabilities for the candidates that the positions before left.
 * @param scores float64[≥ count] @param count of candidates @param chosen places of the list's items, first position first
 * @param out float64[≥ chosen.length]: receives the probability of each position, given those before it
 * @returns the natural logarithm of the list's probability, −∞ for a list that is never drawn. NaN, as all of `out` is, if a score is NaN
 * @throws RangeError if `chosen` has a place outside the candidates, or one twice
 */
export function drawPropensities(
  { temperature, uniform }: DrawRule,
  scores: Float64Array,
  count: number,
  chosen: ArrayLike<number>,
  out: Float64Array,
): number {
  const base =
    temperature === undefined
      ? greedyPropensities(scores, count, chosen, out)
      : propensities(scores, count, chosen, temperature, out);
  if (!uniform || Number.isNaN(base)) return base;
  const chance = uniformChance(uniform);
  let log = 0;
  for (let j = 0; j < chosen.length; j++) {
    const left = count - j;
    const share = chance.share(left);
    log += chance.take(left, out[j]!);
    out[j] = mixedShare(share, left, out[j]!);
  }
  return log;
}
