// Marginal probabilities against enumeration of all lists, against the Open Bandit Pipeline, and at the edges.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { drawPropensities } from "#operators/shared/kernel/draw-propensities.js";
import type { DrawRule } from "#operators/shared/spec/facts.js";
import { marginalsOf } from "#runtime/evaluation/marginals.js";
import { independentIps } from "#runtime/evaluation/slate.js";
import { estimateOf } from "#runtime/evaluation/terms.js";
import { everyList, repeatable } from "./worlds.js";

/** Probability that the first items are each at their own position, by all lists and the probabilities that a log has. */
function enumerated(rule: DrawRule, scores: Float64Array, shown: number): number[] {
  const out = new Float64Array(shown);
  const found = new Array<number>(shown).fill(0);
  for (const { items } of everyList(
    [...scores].map(() => 1),
    shown,
  )) {
    const probability = Math.exp(drawPropensities(rule, scores, scores.length, items, out));
    items.forEach((item, k) => {
      if (item === k) found[k]! += probability;
    });
  }
  return found;
}

const uniform = (epsilon: number, least = 0, per: "position" | "list" = "position") => ({ epsilon, least, per });

test.each<[string, DrawRule, number]>([
  ["a draw", { temperature: 1 }, 1],
  ["a draw of a low temperature", { temperature: 0.01 }, 1],
  ["all alike", { temperature: 0 }, 1],
  ["a greedy draw", { temperature: 20 }, 1],
  ["the worst first", { temperature: -3 }, 1],
  ["far scores", { temperature: 20 }, 5],
  ["a floor", { temperature: 2, uniform: uniform(0, 0.05) }, 1],
  ["epsilon", { uniform: uniform(0.3) }, 1],
  ["epsilon for the list", { uniform: uniform(0.3, 0, "list") }, 1],
  ["an order", {}, 1],
])("%s: equal to the sum over all lists", (_, rule, scale) => {
  const random = repeatable(3);
  for (let n = 1; n <= 6; n++)
    for (let shown = 1; shown <= Math.min(4, n); shown++) {
      const scores = Float64Array.from({ length: n }, () => scale * (2 * random() - 1));
      const out = new Float64Array(shown);
      marginalsOf(rule, scores, shown, out);
      for (const [k, value] of enumerated(rule, scores, shown).entries()) {
        const isNear = Math.abs(out[k]! - value) <= 1e-11 * value + 1e-15;
        expect(isNear || { n, k, found: out[k], value, scores: [...scores] }).toBe(true);
      }
    }
});

test("weights that are far apart are ordered, in bounded time", () => {
  const scores = Float64Array.from({ length: 200 }, (_, i) => -i);
  const out = new Float64Array(5);
  marginalsOf({ temperature: 1e6 }, scores, 5, out);
  // The rounding of ln t, which is about 1e6 here, is in the result.
  for (const value of out) expect(value).toBeCloseTo(1, 10);
  marginalsOf({ temperature: -1e6 }, scores, 5, out);
  expect([...out]).toEqual([0, 0, 0, 0, 0]);
});

test.each([0, 1, 2])("the Open Bandit Pipeline's, and its estimate, slate %i", index => {
  const { reward, action, propensity, policy, logit, expected } = JSON.parse(
    readFileSync(new URL("../../fixtures/obp/slate.json", import.meta.url), "utf8"),
  )[index];
  const marginal = new Float64Array(reward.length);
  const logged = new Float64Array(reward.length);
  for (let l = 0; 3 * l < reward.length; l++) {
    const shown: number[] = action.slice(3 * l, 3 * l + 3);
    const rest = [0, 1, 2, 3, 4].filter(item => !shown.includes(item));
    const scores = Float64Array.from([...shown, ...rest], item => logit[l][item]);
    marginalsOf({ temperature: 1 }, scores, 3, marginal.subarray(3 * l, 3 * l + 3));
    // The synthetic log is of a uniform draw.
    marginalsOf({ temperature: 0 }, scores, 3, logged.subarray(3 * l, 3 * l + 3));
  }
  // The file has nine digits.
  for (const [i, value] of policy.pscore_item_position.entries())
    expect(Math.abs(marginal[i]! - value)).toBeLessThan(1e-9);
  for (const [i, value] of propensity.pscore_item_position.entries())
    expect(Math.abs(logged[i]! - value)).toBeLessThan(1e-9);
  const starts = Int32Array.from({ length: reward.length / 3 + 1 }, (_, l) => 3 * l);
  const log = { starts, reward: Float64Array.from(reward), propensity: logged, policy: marginal };
  expect(estimateOf(independentIps(log), reward.length / 3)).toBeCloseTo(expected.iips, 7);
});
