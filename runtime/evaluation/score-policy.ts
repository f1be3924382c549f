/** Scores of all candidates of logged lists → a policy's probabilities of the shown items, and the rewards it would expect. */
import { drawPropensities } from "../../operators/shared/kernel/draw-propensities.js";
import { logWeight } from "../../operators/shared/kernel/plackett-luce.js";
import { mixedShare, type UniformChance, uniformChance } from "../../operators/shared/kernel/uniform-chance.js";
import type { DrawRule } from "../../operators/shared/spec/facts.js";

export interface ScoredLists {
  /** Rows of each list: the shown ones by position, then the others [lists + 1]. */
  readonly starts: Int32Array;
  /** Number of shown rows of each list [lists]. */
  readonly shown: Int32Array;
  /** [rows] */
  readonly scores: Float64Array;
  /** Predicted rewards [rows]. */
  readonly predicted?: Float64Array;
}

export interface PolicyOfLists {
  /** Probability of each shown item at its position, given those above it, list after list [shown rows]. */
  readonly policy: Float64Array;
  /** Σ_a π_e(a | items above) · predicted(a) over the candidates left [shown rows]; empty without predictions. */
  readonly expected: Float64Array;
  /** Probability of each candidate at position 1 [rows]. */
  readonly first: Float64Array;
}

/**
 * A policy that draws lists by scores, or one that orders by score.
 * @param rule of the draw
 */
export function policyOfScores(lists: ScoredLists, rule: DrawRule): PolicyOfLists {
  const { starts, shown, scores, predicted } = lists;
  const total = shown.reduce((sum, count) => sum + count, 0);
  const policy = new Float64Array(total);
  const expected = new Float64Array(predicted ? total : 0);
  const first = new Float64Array(scores.length);
  let at = 0;
  for (let l = 0; l < shown.length; l++) {
    const own = scores.subarray(starts[l]!, starts[l + 1]!);
    const count = own.length;
    const chosen = Int32Array.from({ length: shown[l]! }, (_, i) => i);
    const out = policy.subarray(at, at + chosen.length);
    drawPropensities(rule, own, count, chosen, out);
    const probabilities = first.subarray(starts[l]!, starts[l + 1]!);
    nextOf(own, 0, rule.temperature, probabilities);
    addUniform(probabilities, 0, rule.uniform && uniformChance(rule.uniform));
    if (predicted) {
      const model = predicted.subarray(starts[l]!, starts[l + 1]!);
      const next = new Float64Array(count);
      const chance = rule.uniform && uniformChance(rule.uniform);
      for (let k = 0; k < chosen.length; k++) {
        nextOf(own, k, rule.temperature, next);
        const base = next[k]!;
        addUniform(next, k, chance);
        chance?.take(count - k, base);
        let mean = 0;
        for (let i = k; i < count; i++) mean += next[i]! * model[i]!;
        expected[at + k] = mean;
      }
    }
    at += chosen.length;
  }
  return { policy, expected, first };
}

/** Mixes the uniform draw into the probabilities from place `from` on. */
function addUniform(next: Float64Array, from: number, chance: UniformChance | undefined): void {
  const left = next.length - from;
  if (!chance || left === 0) return;
  const share = chance.share(left);
  for (let i = from; i < next.length; i++) next[i] = mixedShare(share, left, next[i]!);
}

/** Probability of each candidate from place `from` on to be drawn next, if those before it are taken. O(n) */
function nextOf(scores: Float64Array, from: number, temperature: number | undefined, out: Float64Array): void {
  const weightOf = (i: number): number => (temperature === undefined ? scores[i]! : logWeight(temperature, scores[i]!));
  let best = from;
  for (let i = from + 1; i < scores.length; i++) if (weightOf(i) > weightOf(best)) best = i;
  const most = weightOf(best);
  out.fill(0);
  // The best one is certain in an ordering, and the first of several with an infinite weight in a draw.
  if (temperature === undefined || !Number.isFinite(most)) {
    out[best] = 1;
    return;
  }
  let total = 0;
  for (let i = from; i < scores.length; i++) {
    out[i] = Math.exp(weightOf(i) - most);
    total += out[i]!;
  }
  for (let i = from; i < scores.length; i++) out[i]! /= total;
}
