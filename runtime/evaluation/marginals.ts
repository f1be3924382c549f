/**
 * Scores of a list's candidates and the rule of a draw → the probability of each shown item at its position, whatever is above it.
 *
 * A draw by weights w = exp(T · score) is a race of exponential clocks: an item has position k if k − 1 of the others ring before it. So the
 * probability is ∫ w e^(−w t) · P(k − 1 of the others by t) dt, and the second factor is that of a Poisson binomial distribution. The integral
 * over ln t by the trapezoidal rule has an error of about 1e-13. The integrand is analytic and falls off at both ends.
 *
 * With a uniform part the probabilities are sums over the sets of items that may be above a position.
 */

import { logWeight } from "../../operators/shared/kernel/plackett-luce.js";
import { mixedShare, shareOf } from "../../operators/shared/kernel/uniform-chance.js";
import type { DrawRule, UniformShare } from "../../operators/shared/spec/facts.js";

/** Sets of items above a position, times candidates, that are enumerated for one list. */
export const MOST_STEPS = 2 ** 18;
/** Sets are the bits of an integer. */
export const MOST_CANDIDATES = 30;

/** Whether the probabilities of a list are sums over sets, which {@link stepsOf} bounds. */
export const isEnumerated = ({ uniform }: DrawRule): boolean => uniform !== undefined && uniform.per === "position";

/** Σ over positions of the sets above it, times candidates. */
export function stepsOf(count: number, shown: number): number {
  let [sets, steps] = [1, 0];
  for (let k = 0; k < shown; k++) {
    steps += sets * count;
    sets *= (count - k) / (k + 1);
  }
  return steps;
}

/**
 * @param scores float64[candidates], finite; the shown ones first, by position @param shown number of them
 * @param out float64[≥ shown]: receives the probabilities
 */
export function marginalsOf(rule: DrawRule, scores: Float64Array, shown: number, out: Float64Array): void {
  const { temperature, uniform } = rule;
  if (uniform?.per === "position") {
    bySets(rule, uniform, scores, shown, out);
    return;
  }
  if (temperature === undefined) greedy(scores, shown, out);
  else
    byRace(
      scores.map(score => logWeight(temperature, score)),
      shown,
      out,
    );
  // One decision for the whole list: a uniform list has each item at each position alike.
  if (uniform) for (let k = 0; k < shown; k++) out[k] = mixedShare(uniform.epsilon, scores.length, out[k]!);
}

/** 1 for an item that the order by score has at its position. */
function greedy(scores: Float64Array, shown: number, out: Float64Array): void {
  const order = Int32Array.from(scores.keys()).sort((a, b) => scores[b]! - scores[a]! || a - b);
  for (let k = 0; k < shown; k++) out[k] = Number(order[k] === k);
}

/** Width of a step in ln t, and how far the integrand reaches before and after the inverse of a rate. */
const [STEP, BEFORE, AFTER] = [0.2, 40, Math.log(40)];
/** Beyond this range of ln t, only the parts are integrated in which shown items ring. */
const WIDEST = 800;

/** @param weights logarithms of the weights */
function byRace(weights: Float64Array, shown: number, out: Float64Array): void {
  out.fill(0, 0, shown);
  const [rung, left] = [new Float64Array(weights.length), new Float64Array(weights.length)];
  const [others, counts] = [new Float64Array(shown), new Float64Array(shown)];
  for (const x of nodes(weights, shown)) {
    for (let i = 0; i < weights.length; i++) {
      const rate = Math.exp(weights[i]! + x);
      left[i] = Math.exp(-rate);
      rung[i] = rate < 0.5 ? -Math.expm1(-rate) : 1 - left[i]!;
    }
    others.fill(0);
    others[0] = 1;
    for (let i = shown; i < weights.length; i++) addTo(others, shown, rung[i]!, left[i]!);
    for (let k = 0; k < shown; k++) {
      // A rate that overflows has rung.
      if (left[k] === 0) continue;
      counts.set(others);
      for (let i = 0; i < shown; i++) if (i !== k) addTo(counts, k + 1, rung[i]!, left[i]!);
      out[k]! += STEP * Math.exp(weights[k]! + x) * left[k]! * counts[k]!;
    }
  }
}

/** Values of ln t, from before the first item rings until a shown one can have no position any more. */
function* nodes(weights: Float64Array, shown: number): Generator<number> {
  const sorted = weights.slice().sort();
  const most = sorted.at(-1)!;
  const total = weights.reduce((sum, weight) => sum + Math.exp(weight - most), 0);
  const own = weights.slice(0, shown).sort().reverse();
  // One more than there are positions have rung by then, or the slowest of the shown ones has.
  const last = Math.max(own.at(-1)!, sorted[Math.max(0, sorted.length - 1 - shown)]!);
  const [begin, end] = [-most - Math.log(total) - BEFORE, AFTER - last];
  const isWide = end - begin > WIDEST;
  const parts = isWide
    ? Array.from(own, weight => [-weight - BEFORE, AFTER - weight] as const)
    : [[begin, end] as const];
  let at = Number.NEGATIVE_INFINITY;
  for (const [from, to] of parts)
    for (at = Math.max(at, Math.ceil(Math.max(from, begin) / STEP)); at * STEP < Math.min(to, end) + STEP; at++)
      yield at * STEP;
}

/** Adds one item to the distribution of the number that has rung, up to `size` − 1. */
function addTo(counts: Float64Array, size: number, rung: number, left: number): void {
  for (let j = size - 1; j > 0; j--) counts[j] = counts[j]! * left + counts[j - 1]! * rung;
  counts[0]! *= left;
}

/** Position by position: the probability of each set above it → that of each item there, and of each larger set. */
function bySets(rule: DrawRule, uniform: UniformShare, scores: Float64Array, shown: number, out: Float64Array): void {
  const count = scores.length;
  const next = new Float64Array(count);
  let sets = new Map([[0, 1]]);
  for (let k = 0; k < shown; k++) {
    const larger = new Map<number, number>();
    const share = shareOf(uniform, count - k);
    out[k] = 0;
    for (const [set, probability] of sets) {
      nextAfter(set, rule.temperature, scores, next);
      for (let i = 0; i < count; i++) {
        if ((set >> i) & 1) continue;
        const both = probability * mixedShare(share, count - k, next[i]!);
        if (i === k) out[k]! += both;
        if (k + 1 < shown) larger.set(set | (1 << i), (larger.get(set | (1 << i)) ?? 0) + both);
      }
    }
    sets = larger;
  }
}

/** Probabilities of the draw without its uniform part. @param set bits of the items that are taken @param out float64[candidates] */
function nextAfter(set: number, temperature: number | undefined, scores: Float64Array, out: Float64Array): void {
  const weightOf = (i: number): number => (temperature === undefined ? scores[i]! : logWeight(temperature, scores[i]!));
  let best = -1;
  for (let i = 0; i < scores.length; i++) if (!((set >> i) & 1) && (best < 0 || weightOf(i) > weightOf(best))) best = i;
  let total = 0;
  for (let i = 0; i < scores.length; i++) {
    const isLeft = !((set >> i) & 1);
    out[i] = temperature === undefined ? Number(i === best) : isLeft ? Math.exp(weightOf(i) - weightOf(best)) : 0;
    total += out[i]!;
  }
  for (let i = 0; i < scores.length; i++) out[i]! /= total;
}
