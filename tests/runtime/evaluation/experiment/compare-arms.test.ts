/** Comparisons of arms as SciPy and statsmodels compute them (tests/oracles/experiment), and the promise of the confidence sequence. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  type ArmMoments,
  compareArms,
  meanOf,
  sampleRatio,
  sequentialRadius,
} from "#runtime/evaluation/experiment/compare-arms.js";
import { repeatable } from "../worlds.js";

interface Cases {
  readonly welch: readonly {
    control: number[];
    arm: number[];
    t: number;
    df: number;
    p: number;
    low: number;
    high: number;
  }[];
  readonly clustered: readonly { user: number[]; reward: number[]; mean: number; error: number }[];
  readonly chisquare: readonly { units: number[]; weights: number[]; p: number }[];
}
const CASES = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../../fixtures/experiment/expected.json"), "utf8"),
) as Cases;

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
function covariance(a: readonly number[], b: readonly number[]): number {
  const [ma, mb] = [mean(a), mean(b)];
  return a.reduce((sum, value, i) => sum + (value - ma) * (b[i]! - mb), 0) / (a.length - 1);
}

/** @param requests of each unit */
function moments(
  arm: string,
  rewards: readonly number[],
  requests: readonly number[] = rewards.map(() => 1),
): ArmMoments {
  return {
    arm,
    units: rewards.length,
    requests: requests.reduce((sum, n) => sum + n, 0),
    rewardMean: mean(rewards),
    rewardVariance: covariance(rewards, rewards),
    requestMean: mean(requests),
    requestVariance: covariance(requests, requests),
    covariance: covariance(rewards, requests),
  };
}

/** Within a relative tolerance of the expected value; tails below 1e-290 are 0. */
function expectNear(found: number, wanted: number, tolerance = 1e-9): void {
  expect(Math.abs(found - wanted)).toBeLessThanOrEqual(tolerance * Math.abs(wanted) + 1e-290);
}

test.each(CASES.welch.map((one, i) => [i, one] as const))(
  "Welch's test %i",
  (_, { control, arm, t, df, p, low, high }) => {
    const { fixed } = compareArms(meanOf(moments("control", control)), meanOf(moments("arm", arm)), 0.05, 10_000);
    for (const [found, wanted] of [
      [fixed.t, t],
      [fixed.df, df],
      [fixed.p, p],
      [fixed.interval.low, low],
      [fixed.interval.high, high],
    ] as const)
      expectNear(found, wanted);
  },
);

test.each(CASES.clustered.map((one, i) => [i, one] as const))(
  "requests of users, clustered %i",
  (_, { user, reward, mean: wanted, error }) => {
    const users = [...new Set(user)];
    const rewards = users.map(one => reward.reduce((sum, value, i) => sum + (user[i] === one ? value : 0), 0));
    const requests = users.map(one => user.filter(other => other === one).length);
    const found = meanOf(moments("arm", rewards, requests));
    expectNear(found.mean, wanted);
    expectNear(found.standardError, error);
  },
);

test("Pearson's test of the sample ratio", () => {
  for (const { units, weights, p } of CASES.chisquare) expectNear(sampleRatio(units, weights), p);
});

/** Sums of an arm whose rewards arrive one by one. */
class Arm {
  n = 0;
  mean = 0;
  squares = 0;
  add(value: number): void {
    this.n++;
    const before = value - this.mean;
    this.mean += before / this.n;
    this.squares += before * (value - this.mean);
  }
  get error(): number {
    return this.squares / (this.n - 1) / this.n;
  }
}

describe("the confidence sequence", () => {
  const ALPHA = 0.05;
  const RUNS = 1000;
  /** From here on a mean is nearly normal. */
  const FIRST = 100;
  const UNITS = 3000;

  /** Runs in which an interval excluded the true difference at some look, after every pair of units. */
  function misses(draw: (random: () => number) => number): { readonly sequential: number; readonly fixed: number } {
    const found = { sequential: 0, fixed: 0 };
    const radii = Array.from({ length: UNITS + 1 }, (_, n) => (n === 0 ? 0 : sequentialRadius(2 * n, ALPHA, 2000)));
    for (let run = 0; run < RUNS; run++) {
      const random = repeatable(run);
      const [a, b] = [new Arm(), new Arm()];
      const missed = { sequential: false, fixed: false };
      for (let n = 1; n <= UNITS; n++) {
        a.add(draw(random));
        b.add(draw(random));
        if (n < FIRST) continue;
        const t = Math.abs(a.mean - b.mean) / Math.sqrt(a.error + b.error);
        missed.sequential ||= t > radii[n]!;
        missed.fixed ||= t > 1.96;
      }
      if (missed.sequential) found.sequential++;
      if (missed.fixed) found.fixed++;
    }
    return found;
  }

  test.each<[string, (random: () => number) => number]>([
    ["clicks, 10 %", random => (random() < 0.1 ? 1 : 0)],
    ["exponential rewards", random => -Math.log(1 - random())],
  ])(
    "false positives without a difference, with a look after each unit: at most alpha, and over four times as many for a fixed interval: %s",
    (_, draw) => {
      const { sequential, fixed } = misses(draw);
      expect(sequential).toBeLessThanOrEqual(ALPHA * RUNS);
      // The bound is not loose without limit: some runs do err.
      expect(sequential).toBeGreaterThan(0);
      expect(fixed).toBeGreaterThan(0.2 * RUNS);
    },
  );

  test("its p-value is below alpha exactly if the interval excludes 0", () => {
    const control = moments(
      "control",
      Array.from({ length: 400 }, (_, i) => i % 10),
    );
    for (let shift = -2; shift <= 2; shift += 0.05) {
      const arm = moments(
        "arm",
        Array.from({ length: 500 }, (_, i) => (i % 10) + shift),
      );
      const { sequential, fixed } = compareArms(meanOf(control), meanOf(arm), ALPHA, 1000);
      const excludes = sequential.interval.low > 0 || sequential.interval.high < 0;
      expect(sequential.p < ALPHA).toBe(excludes);
      expect(sequential.interval.high - sequential.interval.low).toBeGreaterThan(
        fixed.interval.high - fixed.interval.low,
      );
    }
  });
});
