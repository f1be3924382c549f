// The probability that a normal draw is the largest: values of mpmath 1.3 with 40 digits, closed forms, and hostile means and deviations.
import fc from "fast-check";
import { expect, test } from "vitest";
import { firstChance } from "#operators/thompson-sampling/kernel-first-chance.js";
import { logNormalCdf } from "#operators/thompson-sampling/kernel-normal.js";

const chances = (means: readonly number[], deviations: readonly number[]): number[] =>
  means.map((_, place) => firstChance({ means, deviations, count: means.length }, place));

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

test.each([
  [-38.5, -745.695270290411],
  [-10, -53.23128515051247],
  [-3, -6.607726221510349],
  [-0.7, -1.4189677615315315],
  [-0.1, -0.7761545927302733],
  [0, -Math.LN2],
  [0.3, -0.4814101615884812],
  [1, -0.17275377902344988],
  [2.5, -0.006229025485860002],
  [5, -2.866516129637636e-7],
  [8, -6.220960574271786e-16],
  [Number.POSITIVE_INFINITY, 0],
  [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
])("ln Φ(%d)", (x, expected) => {
  const found = logNormalCdf(x);
  expect(found === expected || Math.abs(found / expected - 1) < 1e-14 || [found, expected]).toBe(true);
});

test.each<[number[], number[], number[]]>([
  [
    [0.4, 1.2, -0.3, 0.9],
    [1, 0.5, 2, 0.1],
    [-1.769378432919539, -0.7234477706951168, -1.5968334619511617, -1.952299240235449],
  ],
  [
    [0, 3, 1],
    [1, 0.001, 5],
    [-6.999601431613597, -0.4238271908456433, -1.0655138194281124],
  ],
  [
    [0, 10, -2],
    [1, 1, 0.5],
    [-27.89403672609738, -7.68729897214315e-13, -61.33243340133808],
  ],
  [
    [-5, 0, 0.1, 0.2, 0.3],
    [0.2, 1, 1, 1, 1],
    [-55.63210334664432, -1.6063697840692506, -1.4647176466497174, -1.3272651721848996, -1.1938883746588793],
  ],
])("means %j with deviations %j", (means, deviations, expected) => {
  const found = chances(means, deviations);
  for (const [i, log] of found.entries()) expect(Math.abs(log - expected[i]!), `candidate ${i}`).toBeLessThan(1e-12);
  expect(Math.abs(sum(found.map(Math.exp)) - 1)).toBeLessThan(1e-12);
});

test("of two candidates it is Φ of the difference over the deviation of the difference", () => {
  const number = fc.double({ min: -20, max: 20, noNaN: true });
  const deviation = fc.oneof(fc.double({ min: 1e-3, max: 5, noNaN: true }), fc.constantFrom(0, 1e-9, 1e6));
  fc.assert(
    fc.property(number, number, deviation, deviation, (one, two, s, t) => {
      const found = chances([one, two], [s, t])[0]!;
      const both = Math.hypot(s, t);
      const lead = one - two;
      const expected = both === 0 ? (lead >= 0 ? 0 : Number.NEGATIVE_INFINITY) : logNormalCdf(lead / both);
      const isNear = found === expected || Math.abs(found - expected) < 1e-11 * Math.max(1, -expected);
      // Below any number that is logged, a logarithm need not be exact.
      expect(isNear || (found < -745 && expected < -745) || { one, two, s, t, found, expected }).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

test("all candidates sum to 1, whatever the means and deviations", () => {
  const mean = fc.oneof(
    fc.double({ min: -3, max: 3, noNaN: true }),
    fc.constantFrom(0, 0, 1, 1e6, -1e6, 1e-300, 1e300, -1e300),
  );
  const deviation = fc.oneof(
    fc.double({ min: 0, max: 2, noNaN: true }),
    fc.constantFrom(0, 0, 1e-6, 1e-300, 5e-324, 1, 1e3, 1e6),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(mean, deviation), { minLength: 1, maxLength: 8 }), candidates => {
      const found = chances(
        candidates.map(([m]) => m),
        candidates.map(([, s]) => s),
      );
      expect(found.every(log => log <= 0)).toBe(true);
      const total = sum(found.map(Math.exp));
      expect(Math.abs(total - 1) < 1e-12 || { candidates, total, found }).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

test("a hundred equal candidates have a hundredth each", () => {
  const found = chances(Array(100).fill(0.3), Array(100).fill(0.7));
  for (const log of found) expect(Math.exp(log)).toBeCloseTo(0.01, 14);
});

test("without deviations the best is certain, and of equal ones the first", () => {
  expect(chances([1, 3, 3], [0, 0, 0])).toEqual([Number.NEGATIVE_INFINITY, 0, Number.NEGATIVE_INFINITY]);
  expect(chances([1], [0])).toEqual([0]);
});
