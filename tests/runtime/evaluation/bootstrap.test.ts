// The bootstrap: what it computes on all draws of tiny logs, and how often its intervals cover a known value.
import { expect, test } from "vitest";
import { bootstrap, percentileInterval } from "#runtime/evaluation/bootstrap.js";
import { selfNormalizedPositionIps } from "#runtime/evaluation/slate.js";
import { estimateOf, type Terms } from "#runtime/evaluation/terms.js";
import { repeatable } from "./worlds.js";

const SAMPLES = { samples: 400, seed: 5 };

test("means and ratios of two clusters take the three values of their draws", () => {
  const mean: Terms = [{ numerator: Float64Array.of(1, 2, 9) }];
  const ratio: Terms = [{ numerator: Float64Array.of(1, 2, 9), denominator: Float64Array.of(1, 1, 4) }];
  const [means, ratios] = bootstrap([mean, ratio], Int32Array.of(0, 0, 1), SAMPLES);
  // The first cluster twice, both, the second twice.
  expect([...new Set(means)].sort((a, b) => a - b)).toEqual([1.5, 4, 9]);
  expect([...new Set(ratios)].sort((a, b) => a - b)).toEqual([1.5, 2, 2.25]);
  const share = (value: number) => means!.filter(found => found === value).length / SAMPLES.samples;
  expect(share(1.5)).toBeGreaterThan(0.18);
  expect(share(4)).toBeGreaterThan(0.42);
  expect(share(9)).toBeGreaterThan(0.18);
  // One draw serves all estimates.
  expect(ratios).toEqual(means!.map(value => ({ 1.5: 1.5, 4: 2, 9: 2.25 })[value]!));
});

test("a seed repeats the draws, another changes them, and so does one beyond 32 bits", () => {
  const terms: Terms = [{ numerator: Float64Array.from({ length: 99 }, (_, i) => i * i) }];
  const clusters = Int32Array.from({ length: 99 }, (_, i) => i);
  const drawWith = (seed: number) => bootstrap([terms], clusters, { samples: 3, seed })[0]!;
  expect(drawWith(1)).toEqual(drawWith(1));
  expect(drawWith(2)).not.toEqual(drawWith(1));
  expect(drawWith(1 + 2 ** 32)).not.toEqual(drawWith(1));
});

test("entries of some units only: the value of all draws equals estimateOf of the drawn units", () => {
  const starts = Int32Array.of(0, 2, 3, 5);
  const log = {
    starts,
    reward: Float64Array.of(1, 0, 1, 0, 1),
    propensity: Float64Array.of(0.5, 0.5, 0.25, 0.5, 1),
    policy: Float64Array.of(0.25, 0.5, 0.5, 0.5, 0.75),
  };
  const [values] = bootstrap([selfNormalizedPositionIps(log, "prefix")], Int32Array.of(0, 1, 2), SAMPLES);
  // Every multiset of three lists, computed from scratch.
  const rows = [[0, 1], [2], [3, 4]];
  const possible: number[] = [];
  for (const a of [0, 1, 2])
    for (const b of [0, 1, 2])
      for (const c of [0, 1, 2]) {
        const drawn = [a, b, c].sort().map(list => rows[list]!);
        const pick = (values: Float64Array) => Float64Array.from(drawn.flat(), row => values[row]!);
        const ends = drawn.map((_, l) => drawn.slice(0, l + 1).flat().length);
        const again = {
          starts: Int32Array.of(0, ...ends),
          reward: pick(log.reward),
          propensity: pick(log.propensity),
          policy: pick(log.policy),
        };
        possible.push(estimateOf(selfNormalizedPositionIps(again, "prefix"), 3));
      }
  for (const value of values!) expect(possible.some(one => Math.abs(one - value) < 1e-12)).toBe(true);
  expect(new Set(values!.map(value => Math.round(value * 1e9))).size).toBe(
    new Set(possible.map(value => Math.round(value * 1e9))).size,
  );
});

test("many clusters are drawn by random groups: the interval has the width of the normal one, and units of a cluster stay together", () => {
  const clusters = 30_000;
  const random = repeatable(8);
  // Both units of a cluster have one value, so there are half as many independent ones.
  const values = Array.from({ length: clusters }, () => random() ** 2);
  const numerator = Float64Array.from({ length: 2 * clusters }, (_, i) => values[i >> 1]!);
  const of = Int32Array.from({ length: 2 * clusters }, (_, i) => i >> 1);
  const [draws] = bootstrap([[{ numerator }]], of, { samples: 300, seed: 4 });
  const mean = values.reduce((a, b) => a + b, 0) / clusters;
  const deviation = Math.sqrt(values.reduce((total, value) => total + (value - mean) ** 2, 0) / clusters);
  const { low, high } = percentileInterval(draws!, 0.9)!;
  const normal = 2 * 1.645 * (deviation / Math.sqrt(clusters));
  expect((high - low) / normal).toBeGreaterThan(0.85);
  expect((high - low) / normal).toBeLessThan(1.15);
  expect(low).toBeLessThan(mean);
  expect(high).toBeGreaterThan(mean);
});
