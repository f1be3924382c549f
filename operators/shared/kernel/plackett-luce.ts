/**
 * Scores of one user's candidates and an ordered list of some of them → the probability of each position of the list.
 *
 * A draw without replacement with weights exp(T·s) takes candidate cⱼ at position j with probability exp(T·s_cⱼ) / Σ exp(T·sᵢ). The sum is
 * over the candidates that the positions before j left. The probability of the list is the product over its positions. This is the
 * Plackett–Luce model (Plackett, "The analysis of permutations", 1975). The Gumbel race of `softmaxSampling` draws from it (Kool, van Hoof
 * and Welling, "Stochastic beams and where to find them", 2019).
 *
 * Sums are built from the last position to the first, by additions of positive terms only. Subtracting a taken candidate's weight from the
 * total would lose the others if it has nearly all of it. A sum is stored as `sum` · exp(`most`), so that weights of any size neither
 * overflow nor lose digits. O(n + k) for n candidates and k positions; relative error at most about n · 2⁻⁵³.
 */

/** Without a temperature every candidate has the same chance, one of infinite score too. @returns the logarithm of its weight */
export const logWeight = (temperature: number, score: number): number => (temperature === 0 ? 0 : temperature * score);

/**
 * Probabilities of a list under a draw by `softmaxSampling`.
 *
 * Infinite weights are ordered as the draw orders them. Candidates of weight exp(+∞) are first and those of exp(−∞) last, each group in the
 * order of the candidates. A position that agrees with that order has probability 1, and another one 0.
 * @param scores float64[≥ count]: the candidates of one user, in places 0 … count − 1; all of them, with those that were not taken
 * @param count of candidates
 * @param chosen places of the list's items, first position first; the list may be any, not only a drawn one
 * @param temperature T, which multiplies the scores
 * @param out float64[≥ chosen.length]: receives the probability of each position, given those before it
 * @returns the natural logarithm of the list's probability: 0 for an empty list, −∞ for a list that is never drawn. It remains finite
 * where the product of a long list is too small for a float64. NaN, as all of `out` is, if a score is NaN: the draw is then undefined
 * @throws RangeError if `chosen` has a place outside the candidates, or one twice
 */
export function propensities(
  scores: Float64Array,
  count: number,
  chosen: ArrayLike<number>,
  temperature: number,
  out: Float64Array,
): number {
  const taken = placesTaken(count, chosen);
  const left: Left = { sum: 0, most: Number.NEGATIVE_INFINITY, first: count, last: count };
  for (let i = 0; i < count; i++) {
    const weight = logWeight(temperature, scores[i]!);
    if (Number.isNaN(weight)) return unknown(chosen.length, out);
    if (taken[i] === 1) continue;
    if (weight === Number.POSITIVE_INFINITY) left.first = Math.min(left.first, i);
    else if (weight === Number.NEGATIVE_INFINITY) left.last = Math.min(left.last, i);
    else if (weight > left.most) left.most = weight;
  }
  for (let i = 0; i < count; i++) {
    const weight = logWeight(temperature, scores[i]!);
    if (taken[i] === 0 && Number.isFinite(weight)) left.sum += Math.exp(weight - left.most);
  }
  let log = 0;
  for (let j = chosen.length - 1; j >= 0; j--) {
    const place = chosen[j]!;
    const weight = logWeight(temperature, scores[place]!);
    if (Number.isFinite(weight)) log += addFinite(left, weight, count, j, out);
    else {
      out[j] = addInfinite(left, weight, place, count) ? 1 : 0;
      if (out[j] === 0) log = Number.NEGATIVE_INFINITY;
    }
  }
  return log;
}

/**
 * Probabilities of a list under an ordering by score, as `topK` makes it. A position has probability 1 if it holds the best of the candidates
 * left, or the first of several best ones, and else 0.
 * @param scores @param count @param chosen @param out as for {@link propensities}
 * @returns the logarithm of the list's probability: 0 or −∞, or NaN
 * @throws RangeError as {@link propensities}
 */
export function greedyPropensities(
  scores: Float64Array,
  count: number,
  chosen: ArrayLike<number>,
  out: Float64Array,
): number {
  const taken = placesTaken(count, chosen);
  let best = -1;
  for (let i = 0; i < count; i++) {
    if (Number.isNaN(scores[i])) return unknown(chosen.length, out);
    if (taken[i] === 0 && (best < 0 || scores[i]! > scores[best]!)) best = i;
  }
  let log = 0;
  for (let j = chosen.length - 1; j >= 0; j--) {
    const place = chosen[j]!;
    const precedes = best < 0 || scores[place]! > scores[best]! || (scores[place]! === scores[best]! && place < best);
    out[j] = precedes ? 1 : 0;
    if (precedes) best = place;
    else log = Number.NEGATIVE_INFINITY;
  }
  return log;
}

/** The candidates that no position has taken yet. Places are `count` where there is no such candidate. */
interface Left {
  /** Their finite weights are `sum` · exp(`most`) together; `sum` is 0 if there are none. */
  sum: number;
  most: number;
  /** The first of weight exp(+∞), and the first of weight exp(−∞). */
  first: number;
  last: number;
}

/** Puts a candidate back. @returns the logarithm of its share among all that are left with it; `out[j]` gets the share */
function addFinite(left: Left, weight: number, count: number, j: number, out: Float64Array): number {
  const { sum, most } = left;
  let share: number;
  let log: number;
  if (weight <= most) {
    const own = Math.exp(weight - most);
    left.sum = sum + own;
    share = own / left.sum;
    log = weight - most - Math.log(left.sum);
  } else {
    const others = sum === 0 ? 0 : sum * Math.exp(most - weight);
    left.sum = 1 + others;
    left.most = weight;
    share = 1 / left.sum;
    log = 0 - Math.log1p(others);
  }
  const reached = left.first === count;
  out[j] = reached ? share : 0;
  return reached ? log : Number.NEGATIVE_INFINITY;
}

/** Puts a candidate of infinite weight back. @returns whether it is the next one of all that are left */
function addInfinite(left: Left, weight: number, place: number, count: number): boolean {
  if (weight > 0) {
    const isNext = place < left.first;
    left.first = Math.min(left.first, place);
    return isNext;
  }
  const isNext = left.first === count && left.sum === 0 && place < left.last;
  left.last = Math.min(left.last, place);
  return isNext;
}

/** @returns uint8[count]: 1 for a place in the list */
function placesTaken(count: number, chosen: ArrayLike<number>): Uint8Array {
  const taken = new Uint8Array(count);
  for (let j = 0; j < chosen.length; j++) {
    const place = chosen[j]!;
    if (taken[place] !== 0)
      throw new RangeError(
        taken[place] === 1
          ? `position ${j + 1} of the list has candidate ${place}, which an earlier position has.`
          : `position ${j + 1} of the list has candidate ${place}, and there are ${count} candidates, from 0.`,
      );
    taken[place] = 1;
  }
  return taken;
}

function unknown(positions: number, out: Float64Array): number {
  out.fill(Number.NaN, 0, positions);
  return Number.NaN;
}
