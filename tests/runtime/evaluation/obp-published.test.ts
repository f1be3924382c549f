// The Open Bandit Pipeline publishes relative errors of its estimators, over 30 bootstrap samples (tests/oracles/obp/published.py). Each sample is
// estimated here with the reward model that obp fitted. The means are within the published spread.
import { readFileSync } from "node:fs";
import { inflateSync } from "node:zlib";
import { expect, test } from "vitest";
import {
  directMethod,
  doublyRobust,
  expectedReward,
  ips,
  type LoggedActions,
  type RewardModel,
  selfNormalizedDoublyRobust,
  shrunkDoublyRobust,
  snips,
  switchDoublyRobust,
} from "#runtime/evaluation/single-action.js";
import { estimateOf, type Terms } from "#runtime/evaluation/terms.js";

interface Found {
  readonly value: number;
  readonly relativeError: number;
  /** Chosen by obp. */
  readonly lambda?: number | "Infinity";
}
interface Spread {
  readonly mean: number;
  readonly deviation: number;
}
interface Run {
  readonly seed: number;
  /** How often each row is in the sample: bytes, fold by fold. */
  readonly counts: string;
  /** By fold and position: weights of the context, then of the action, and the intercept. */
  readonly models: readonly (readonly (readonly number[])[])[];
  readonly expected: Readonly<Record<string, Found>>;
}
interface Published {
  readonly truth: number;
  readonly propensity: number;
  readonly clicks: readonly number[];
  readonly action: readonly number[];
  readonly position: string;
  readonly contexts: readonly string[];
  readonly context: readonly number[];
  readonly actionContext: readonly (readonly number[])[];
  readonly policy: readonly (readonly number[])[];
  readonly runs: readonly Run[];
  readonly summary: Readonly<Record<string, { readonly published: Spread; readonly again: Spread }>>;
}

const given: Published = JSON.parse(
  readFileSync(new URL("../../fixtures/obp/published.json", import.meta.url), "utf8"),
);
const rows = given.action.length;
const actions = given.policy.length;
const clicked = new Set(given.clicks);

/** The rows of a sample, each as often as it was drawn, with the expected rewards of its fold's model. */
function sampleOf({ counts, models }: Run): { log: LoggedActions; model: RewardModel } {
  const bytes = inflateSync(Buffer.from(counts, "base64"));
  const [reward, policy, logged, expected]: number[][] = [[], [], [], []];
  for (const [fold, byPosition] of models.entries()) {
    const scores = scoresOf(byPosition);
    for (let row = 0; row < rows; row++) {
      const times = bytes[fold * rows + row]!;
      if (times === 0) continue;
      const position = Number(given.position[row]);
      const action = given.action[row]!;
      const model = scores(given.context[row]!, position);
      const [mean] = expectedReward(
        Float64Array.from(given.policy, places => places[position]!),
        model,
        actions,
      );
      for (let time = 0; time < times; time++) {
        reward!.push(clicked.has(row) ? 1 : 0);
        policy!.push(given.policy[action]![position]!);
        logged!.push(model[action]!);
        expected!.push(mean!);
      }
    }
  }
  expect(reward).toHaveLength(rows);
  return {
    log: {
      reward: Float64Array.from(reward!),
      propensity: new Float64Array(rows).fill(given.propensity),
      policy: Float64Array.from(policy!),
    },
    model: { logged: Float64Array.from(logged!), expected: Float64Array.from(expected!) },
  };
}

/** Probabilities of a click by a logistic regression: a context and a position → one for each action, computed once. */
function scoresOf(byPosition: Run["models"][number]) {
  const known = new Map<string, Float64Array>();
  const dot = (weights: readonly number[], values: ArrayLike<number | string>, from: number): number =>
    Array.from(values).reduce<number>((sum, value, i) => sum + weights[from + i]! * Number(value), 0);
  return (context: number, position: number): Float64Array => {
    const key = `${context} ${position}`;
    const weights = byPosition[position]!;
    const features = given.contexts[context]!;
    const found =
      known.get(key) ??
      Float64Array.from(given.actionContext, own => {
        const logit = dot(weights, features, 0) + dot(weights, own, features.length) + weights.at(-1)!;
        return 1 / (1 + Math.exp(-logit));
      });
    known.set(key, found);
    return found;
  };
}

const ESTIMATORS: Record<string, (log: LoggedActions, model: RewardModel, lambda: number) => Terms> = {
  dm: directMethod,
  ipw: log => ips(log),
  snipw: log => snips(log),
  dr: (log, model) => doublyRobust(log, model),
  sndr: selfNormalizedDoublyRobust,
  "switch-dr": switchDoublyRobust,
  "dr-os": shrunkDoublyRobust,
};

/** The relative errors of all estimators on a sample, after its estimates were found equal to obp's. */
function errorsOf(run: Run): Record<string, number> {
  const { log, model } = sampleOf(run);
  const errors: Record<string, number> = {};
  for (const [name, estimator] of Object.entries(ESTIMATORS)) {
    const { value, lambda, relativeError } = run.expected[name]!;
    const found = estimateOf(estimator(log, model, Number(lambda)), rows);
    const which = `sample ${run.seed}, ${name}`;
    expect(Math.abs(found - value), `${which}: ${found}, ${value}`).toBeLessThanOrEqual(1e-9 * value);
    errors[name] = Math.abs(found - given.truth) / given.truth;
    expect(Math.abs(errors[name] - relativeError), `${which}: ${errors[name]}, ${relativeError}`).toBeLessThan(1e-9);
  }
  return errors;
}

test("estimates equal obp's, and their mean relative errors are within the published spread", {
  timeout: 120_000,
}, () => {
  const all = given.runs.map(errorsOf);
  expect(all).toHaveLength(30);
  expect(Object.keys(given.summary)).toEqual(Object.keys(ESTIMATORS));
  for (const [name, { published, again }] of Object.entries(given.summary)) {
    const mean = all.reduce((sum, errors) => sum + errors[name]!, 0) / all.length;
    expect(mean, name).toBeCloseTo(again.mean, 9);
    // The standard error of the mean.
    const spread = published.deviation / Math.sqrt(all.length);
    expect(Math.abs(mean - published.mean), `${name}: ${mean}, published ${published.mean}`).toBeLessThan(spread);
  }
});
