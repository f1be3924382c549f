// Policies by scores: the next item's probabilities, and the rewards expected of it, against sums over all lists.
import { expect, test } from "vitest";
import { drawPropensities } from "#operators/shared/kernel/draw-propensities.js";
import type { DrawRule } from "#operators/shared/spec/facts.js";
import { policyOfScores } from "#runtime/evaluation/score-policy.js";

const RULES: readonly (readonly [string, DrawRule])[] = [
  ["order by score", {}],
  ["draw", { temperature: 1.5 }],
  ["draw with a floor", { temperature: 1.5, uniform: { epsilon: 0, least: 0.05, per: "position" } }],
  ["greedy positions", { uniform: { epsilon: 0.3, least: 0, per: "position" } }],
  ["greedy lists", { uniform: { epsilon: 0.3, least: 0, per: "list" } }],
];

/** Probability that the list begins with these places. */
function beginning(rule: DrawRule, scores: Float64Array, places: readonly number[]): number {
  return Math.exp(drawPropensities(rule, scores, scores.length, places, new Float64Array(places.length)));
}

test.each(RULES)("%s: two lists of several candidates", (_, rule) => {
  const scores = Float64Array.from([0.9, 0.4, 0.6, 0.1, -1, 2, 3]);
  const predicted = Float64Array.from([1, 0, 0.5, 0.25, 3, 5, 7]);
  // The shown places are the first ones: the best list, then one that is not.
  const lists = { starts: Int32Array.from([0, 4, 7]), shown: Int32Array.from([3, 2]), scores, predicted };
  const { policy, expected, first } = policyOfScores(lists, rule);
  let at = 0;
  for (const [l, shown] of lists.shown.entries()) {
    const [own, model] = [scores, predicted].map(all => all.subarray(lists.starts[l]!, lists.starts[l + 1]!));
    for (const i of own!.keys()) expect(first[lists.starts[l]! + i]).toBeCloseTo(beginning(rule, own!, [i]), 13);
    for (let k = 0; k < shown; k++, at++) {
      const above = Array.from({ length: k }, (_, i) => i);
      const before = beginning(rule, own!, above);
      // A list that is never drawn has no next item.
      if (before === 0) continue;
      const next = (i: number): number => beginning(rule, own!, [...above, i]) / before;
      expect(policy[at]).toBeCloseTo(next(k), 13);
      const left = [...own!.keys()].filter(i => i >= k);
      expect(expected[at]).toBeCloseTo(
        left.reduce((sum, i) => sum + next(i) * model![i]!, 0),
        12,
      );
    }
  }
  expect(at).toBe(5);
});
