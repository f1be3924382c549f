// Probabilities of lists against enumeration of all lists, closed forms, and hostile scores.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { keepLargest } from "#operators/shared/kernel/keep-largest.js";
import { greedyPropensities, propensities } from "#operators/shared/kernel/plackett-luce.js";
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

  test("all lists of hostile scores sum to 1", () => {
    fc.assert(
      fc.property(fc.array(hostile, { minLength: 1, maxLength: 5 }), temperatureOf, fc.nat(5), (scores, t, k) => {
        const all = orderedLists(scores.length, Math.min(k, scores.length));
        const total = all.reduce((sum, list) => sum + Math.exp(listOf(scores, list, t).log), 0);
        expect(Math.abs(total - 1)).toBeLessThan(1e-12);
      }),
    );
  });
});

describe("in closed form", () => {
  test("weights that are powers of two, as fractions", () => {
    const scores = [0, 1, 2, 3].map(i => i * Math.LN2);
    const { each, log } = listOf(scores, [2, 3, 0, 1]);
    // Weights 1, 2, 4, 8: 4/15, 8/11, 1/3, 1.
    for (const [j, p] of [4 / 15, 8 / 11, 1 / 3, 1].entries()) expect(each[j]! / p).toBeCloseTo(1, 14);
    expect(log).toBeCloseTo(Math.log(32 / 495), 14);
  });
  test("one candidate with nearly all the mass: the others keep all their digits", () => {
    // Subtracting exp(700) from the total would leave 0 for the others.
    const { each, log } = listOf([700, Math.log(3), 0], [0, 1, 2]);
    expect(each).toEqual([1, expect.closeTo(0.75, 15), 1]);
    expect(log).toBeCloseTo(Math.log(0.75), 14);
    const last = listOf([700, Math.log(3), 0], [2, 1, 0]);
    expect(last.each[0]! / Math.exp(-700)).toBeCloseTo(1, 12);
    expect(last.log).toBeCloseTo(-700 + Math.log(3) - 700, 10);
  });
  test("products of a million, beyond what exp holds, depend on differences alone", () => {
    for (const shift of [0, 1e6, -1e6]) {
      const { each } = listOf([shift, shift + 1, shift - 1], [1, 2, 0]);
      expect(each[0]).toBeCloseTo(Math.E / (1 + Math.E + 1 / Math.E), 14);
      expect(each[1]).toBeCloseTo(1 / (1 + Math.E), 14);
      expect(each[2]).toBe(1);
    }
    expect(listOf([1e6, -1e6], [1, 0])).toEqual({ each: [0, 1], log: -2e6 });
    expect(listOf([1e4, -1e4], [0, 1], 100)).toEqual({ each: [1, 1], log: 0 });
  });
  test("equal scores, and T = 0 with any scores: one of those left", () => {
    for (const scores of [
      [5, 5, 5, 5],
      [INF, -INF, 1e308, 0],
    ])
      expect(listOf(scores, [3, 0, 2, 1], 0).each).toEqual([1 / 4, 1 / 3, 1 / 2, 1]);
    expect(listOf([5, 5, 5, 5], [3, 0]).each).toEqual([1 / 4, 1 / 3]);
  });
  test("T below 0 prefers the worst", () => {
    expect(listOf([0, Math.LN2], [0], -1).each).toEqual([expect.closeTo(2 / 3, 14)]);
  });
  test("infinite scores are first or last, in their order", () => {
    const scores = [-INF, 0, INF, 0, INF, -INF];
    expect(listOf(scores, [2, 4, 3, 1, 0, 5])).toEqual({ each: [1, 1, 0.5, 1, 1, 1], log: Math.log(0.5) });
    expect(listOf(scores, [4, 2])).toEqual({ each: [0, 1], log: -INF });
    expect(listOf(scores, [2, 1])).toEqual({ each: [1, 0], log: -INF });
    expect(listOf(scores, [2, 4, 1, 5])).toEqual({ each: [1, 1, 0.5, 0], log: -INF });
    expect(listOf(scores, [2, 4, 1, 3, 5])).toEqual({ each: [1, 1, 0.5, 1, 0], log: -INF });
    expect(listOf(scores, [0, 5], -1).each).toEqual([1, 1]);
    expect(listOf([INF, INF, INF], [1, 2]).each).toEqual([0, 0]);
    expect(listOf([-INF, -INF, -INF], [1, 2]).each).toEqual([0, 0]);
    expect(listOf([INF, -INF], [1]).each).toEqual([0]);
  });
  test("a list that is longer than float64's smallest product keeps its logarithm", () => {
    const places = Array.from({ length: 400 }, (_, i) => i);
    const { each, log } = listOf(
      places.map(() => 0),
      places,
    );
    expect(each.reduce((a, b) => a * b, 1)).toBe(0);
    // −ln 400!, by Stirling's series to 1/(12 n).
    expect(log).toBeCloseTo(-(400 * Math.log(400) - 400 + 0.5 * Math.log(2 * Math.PI * 400) + 1 / 4800), 6);
  });
  test("no list, no candidates", () => {
    expect(listOf([1, 2], [])).toEqual({ each: [], log: 0 });
    expect(listOf([], [])).toEqual({ each: [], log: 0 });
  });
});

test("reads `count` scores, writes as many as the list has", () => {
  const out = new Float64Array([7, 7, 7]);
  expect(propensities(Float64Array.of(0, 0, Number.NaN, 9), 2, [1, 0], 1, out)).toBeCloseTo(-Math.LN2, 15);
  expect([...out]).toEqual([0.5, 1, 7]);
});
test("a NaN score makes all unknown", () => {
  expect(listOf([0, Number.NaN], [0])).toEqual({ each: [Number.NaN], log: Number.NaN });
  const out = new Float64Array(1);
  expect([greedyPropensities(Float64Array.of(0, Number.NaN), 2, [0], out), ...out]).toEqual([Number.NaN, Number.NaN]);
});
test.each([
  [[0, 0], "position 2 of the list has candidate 0, which an earlier position has."],
  [[2], "position 1 of the list has candidate 2, and there are 2 candidates, from 0."],
  [[-1], "position 1 of the list has candidate -1, and there are 2 candidates, from 0."],
  [[0.5], "position 1 of the list has candidate 0.5, and there are 2 candidates, from 0."],
])("a list %j of two candidates is an error", (chosen, message) => {
  expect(() => listOf([1, 2], chosen)).toThrow(new RangeError(message));
  expect(() => greedyPropensities(Float64Array.of(1, 2), 2, chosen, new Float64Array(2))).toThrow(
    new RangeError(message),
  );
});

test("by score, exactly the list that keeping the largest makes has probability 1", () => {
  const score = fc.oneof(hostile, fc.constantFrom(0, 1));
  fc.assert(
    fc.property(fc.array(score, { minLength: 1, maxLength: 5 }), fc.nat(5), (list, k) => {
      const scores = Float64Array.from(list);
      const best = [...keepLargest(scores, 0, list.length, k)];
      for (const chosen of orderedLists(list.length, Math.min(k, list.length))) {
        const out = new Float64Array(chosen.length);
        const log = greedyPropensities(scores, list.length, chosen, out);
        expect(log).toBe(`${chosen}` === `${best}` ? 0 : -INF);
        expect([...out].every(p => p === 1)).toBe(log === 0);
      }
    }),
  );
});
