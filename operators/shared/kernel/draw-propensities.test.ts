// Probabilities of lists under a draw with a uniform part: enumeration of all lists, closed forms, floors and hostile scores.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { drawPropensities } from "#operators/shared/kernel/draw-propensities.js";
import type { DrawRule, UniformShare } from "#operators/shared/spec/facts.js";
import { orderedLists } from "../../../tests/operators/ordered-lists.js";

const INF = Number.POSITIVE_INFINITY;

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

test("a decision for each position: 1 − ε + ε / n for the best that is left, ε / n for others", () => {
  const { each, log } = listOf({ uniform: uniform(0.2) }, [3, 1, 2, 2], [0, 1, 2]);
  expect(each).toEqual([1 - 0.2 + 0.2 / 4, 0.2 / 3, 1 - 0.2 + 0.2 / 2].map(p => expect.closeTo(p, 15)));
  expect(log).toBeCloseTo(Math.log(each[0]! * each[1]! * each[2]!), 13);
});

test("a decision for the list: ε · (n − k)! / n!, and 1 − ε more for the best list", () => {
  const rule = { uniform: uniform(0.2, 0, "list") };
  const each = 0.2 / (4 * 3);
  expect(Math.exp(listOf(rule, [3, 1, 2, 2], [0, 2]).log)).toBeCloseTo(0.8 + each, 14);
  expect(Math.exp(listOf(rule, [3, 1, 2, 2], [0, 3]).log)).toBeCloseTo(each, 14);
  expect(Math.exp(listOf(rule, [3, 1, 2, 2], [1, 0]).log)).toBeCloseTo(each, 14);
  // After an item that the best list does not have, the others are equally likely.
  expect(listOf(rule, [3, 1, 2, 2], [1, 0, 2]).each.slice(1)).toEqual([1 / 3, 1 / 2].map(p => expect.closeTo(p, 14)));
});

test("the logarithm of a long list stays finite where its probability is below 5e-324", () => {
  const scores = Array.from({ length: 300 }, (_, i) => -i);
  const best = scores.map((_, i) => i);
  // Best for 200 positions, then another one: a list that only the uniform draw makes.
  const other = [...best.slice(0, 200), 201, 200, ...best.slice(202)];
  const factorial = best.reduce((sum, i) => sum + Math.log(i + 1), 0);
  const { log, each } = listOf({ uniform: uniform(0.1, 0, "list") }, scores, other);
  expect(log).toBeCloseTo(Math.log(0.1) - factorial, 8);
  expect(each.slice(0, 3).every(p => p > 0.8)).toBe(true);
  expect(listOf({ uniform: uniform(0.1) }, scores, best.toReversed()).log).toBeGreaterThan(-INF);
});

test("a floor holds for every candidate and position, and is uniform where the floors fill all of the probability", () => {
  const scores = [100, 0, -100, 5];
  for (const rule of [{ temperature: 3 }, {}])
    for (const [least, expected] of [
      [0.05, 0.05],
      [0.3, 1 / 4],
    ] as const) {
      const first = scores.map((_, i) => listOf({ ...rule, uniform: uniform(0, least) }, scores, [i]).each[0]!);
      expect(Math.min(...first)).toBeCloseTo(expected, 14);
      expect(first.reduce((a, b) => a + b)).toBeCloseTo(1, 14);
    }
});

const hostile = fc.oneof(
  { weight: 3, arbitrary: fc.double({ min: -3, max: 3, noNaN: true }) },
  fc.double({ noNaN: true }),
  fc.constantFrom(0, -0, 1, 1, INF, -INF, 1e6, 1e308, 5e-324),
);
const anyRule: fc.Arbitrary<DrawRule> = fc.record({
  temperature: fc.constantFrom(undefined, 0, 1, -4, 1e6) as fc.Arbitrary<number>,
  uniform: fc.record({
    epsilon: fc.constantFrom(0, 1e-300, 0.1, 0.5, 1),
    least: fc.constantFrom(0, 1e-9, 0.01, 0.4, 1),
    per: fc.constantFrom("position", "list"),
  }),
});

test("all lists of hostile scores sum to 1", () => {
  fc.assert(
    fc.property(fc.array(hostile, { minLength: 1, maxLength: 5 }), anyRule, fc.nat(5), (scores, rule, k) => {
      const all = orderedLists(scores.length, Math.min(k, scores.length)).map(list => listOf(rule, scores, list));
      expect(all.every(({ each }) => each.every(p => p >= 0 && p <= 1))).toBe(true);
      expect(Math.abs(all.reduce((sum, { log }) => sum + Math.exp(log), 0) - 1)).toBeLessThan(1e-12);
    }),
    { numRuns: 1000 },
  );
});

test("a score that is NaN has no probabilities", () => {
  expect(listOf({ uniform: uniform(0.5) }, [1, Number.NaN], [0])).toEqual({ each: [Number.NaN], log: Number.NaN });
});
