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
