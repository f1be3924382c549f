// Probabilities of lists against enumeration of all lists, closed forms, and hostile scores.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { propensities } from "#operators/shared/kernel/plackett-luce.js";
import { orderedLists } from "../../../tests/operators/ordered-lists.js";

const INF = Number.POSITIVE_INFINITY;

function listOf(scores: readonly number[], chosen: readonly number[], temperature = 1) {
  const out = new Float64Array(chosen.length);
  const log = propensities(Float64Array.from(scores), scores.length, chosen, temperature, out);
  return { each: [...out], log };
}

const hostile = fc.oneof(
  { weight: 3, arbitrary: fc.double({ min: -3, max: 3, noNaN: true }) },
  fc.double({ noNaN: true }),
  fc.constantFrom(0, -0, 1, 1, INF, -INF, 1e6, -1e6, 1e308, -1e308, 5e-324),
);
const temperatureOf = fc.oneof(
  fc.constantFrom(0, -0, 1, 20, -4, 1e-8, 1e6, -1e6, 1e300),
  fc.double({ min: -50, max: 50, noNaN: true }),
);

describe("by enumeration", () => {
  test.each([1, 2, 3, 5, 6, 7, 8])("all lists of up to three, and all orders, of %i candidates", n => {
    const scores = Array.from({ length: n }, (_, i) => Math.sin(7 * i + n) * 2);
    for (const k of new Set([1, Math.min(2, n), Math.min(3, n), n])) {
      const all = orderedLists(n, k);
      let total = 0;
      let worst = 0;
      for (const list of all) {
        const { each, log } = listOf(scores, list, 1.5);
        const product = each.reduce((a, b) => a * b, 1);
        total += product;
        worst = Math.max(worst, Math.abs(Math.exp(log) / product - 1));
      }
      expect(Math.abs(total - 1)).toBeLessThan(1e-12);
      expect(worst).toBeLessThan(1e-12);
    }
  });

  test("each position's probabilities sum to 1 for hostile scores, whatever the positions before", () => {
    fc.assert(
      fc.property(fc.array(hostile, { minLength: 1, maxLength: 7 }), temperatureOf, fc.nat(), (scores, t, from) => {
        const all = orderedLists(scores.length, Math.min(3, scores.length));
        const before = all[from % all.length]!.slice(0, -1);
        const open = scores.map((_, i) => i).filter(i => !before.includes(i));
        const next = open.map(i => listOf(scores, [...before, i], t).each.at(-1)!);
        expect(next.every(p => p >= 0 && p <= 1)).toBe(true);
        expect(next.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 13);
      }),
      { numRuns: 1000 },
    );
  });
});
