// Probabilities of lists under a draw with a uniform part: enumeration of all lists, closed forms, floors and hostile scores.
import { describe, expect, test } from "vitest";
import { drawPropensities } from "#operators/shared/kernel/draw-propensities.js";
import type { DrawRule, UniformShare } from "#operators/shared/spec/facts.js";
import { orderedLists } from "../../../tests/operators/ordered-lists.js";

function listOf(rule: DrawRule, scores: readonly number[], chosen: readonly number[]) {
  const out = new Float64Array(chosen.length);
  const log = drawPropensities(rule, Float64Array.from(scores), scores.length, chosen, out);
  return { each: [...out], log };
}

const uniform = (epsilon: number, least = 0, per: UniformShare["per"] = "position"): UniformShare => ({
  epsilon,
  least,
  per,
});
const RULES: readonly (readonly [string, DrawRule])[] = [
  ["greedy, each position", { uniform: uniform(0.2) }],
  ["greedy, each position, with a floor", { uniform: uniform(0.05, 0.03) }],
  ["greedy, the whole list", { uniform: uniform(0.2, 0, "list") }],
  ["weights with a floor", { temperature: 1.5, uniform: uniform(0, 0.02) }],
  ["weights, the whole list", { temperature: 1.5, uniform: uniform(0.3, 0, "list") }],
  ["uniform", { uniform: uniform(1) }],
  ["no chance", { uniform: uniform(0, 0, "list") }],
];

describe.each(RULES)("%s", (_, rule) => {
  test.each([1, 2, 5, 8])("all lists of up to three, and all orders, of %i candidates sum to 1", n => {
    const scores = Array.from({ length: n }, (_, i) => Math.sin(7 * i + n) * 2);
    for (const k of new Set([1, Math.min(3, n), n])) {
      let [total, worst] = [0, 0];
      for (const list of orderedLists(n, k)) {
        const { each, log } = listOf(rule, scores, list);
        const product = each.reduce((a, b) => a * b, 1);
        total += product;
        worst = Math.max(worst, Math.abs(Math.exp(log) - product));
      }
      expect(Math.abs(total - 1)).toBeLessThan(1e-12);
      expect(worst).toBeLessThan(1e-14);
    }
  });
});
