// Estimates equal those of the Open Bandit Pipeline (tests/oracles/obp) on the same rows: of the Open Bandit Dataset, and synthetic ones.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  directMethod,
  doublyRobust,
  expectedReward,
  ips,
  type LoggedActions,
  type RewardModel,
  replay,
  selfNormalizedDoublyRobust,
  shrunkDoublyRobust,
  snips,
  subGaussianDoublyRobust,
  subGaussianIps,
  switchDoublyRobust,
} from "#runtime/evaluation/single-action.js";
import {
  cascadeDoublyRobust,
  independentIps,
  rewardInteractionIps,
  selfNormalizedPositionIps,
  selfNormalizedStandardIps,
  standardIps,
} from "#runtime/evaluation/slate.js";
import { estimateOf, type Terms } from "#runtime/evaluation/terms.js";

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../fixtures/obp/${name}.json`, import.meta.url), "utf8"));

interface Expected {
  readonly estimator: string;
  readonly value: number;
  readonly clip?: number;
  readonly tau?: number;
  readonly lambda?: number;
  readonly relativeError?: number;
}

const terms = (log: LoggedActions, model: RewardModel, { estimator, clip, tau, lambda }: Expected): Terms =>
  ({
    replay: () => replay(log),
    ips: () => ips(log, clip),
    snips: () => snips(log),
    "sg-ips": () => subGaussianIps(log, lambda!),
    dm: () => directMethod(log, model),
    dr: () => doublyRobust(log, model, clip),
    sndr: () => selfNormalizedDoublyRobust(log, model),
    "switch-dr": () => switchDoublyRobust(log, model, tau!),
    dros: () => shrunkDoublyRobust(log, model, lambda!),
    "sg-dr": () => subGaussianDoublyRobust(log, model, lambda!),
  })[estimator]!();

const close = (found: number, expected: number, what: string) =>
  expect(Math.abs(found - expected), `${what}: ${found}, ${expected}`).toBeLessThanOrEqual(1e-9 * Math.abs(expected));

test.each([0, 1, 2])("single actions, synthetic log %i", index => {
  const { reward, action, propensity, policy, model, expected } = read("single")[index];
  const actions = policy[0].length;
  const log = {
    reward: Float64Array.from(reward),
    propensity: Float64Array.from(propensity),
    policy: Float64Array.from(action, (a: number, i) => policy[i][a]),
  };
  const rewards = {
    logged: Float64Array.from(action, (a: number, i) => model[i][a]),
    expected: expectedReward(Float64Array.from(policy.flat()), Float64Array.from(model.flat()), actions),
  };
  expect(expected).toHaveLength(13);
  for (const row of expected as Expected[])
    if (row.estimator === "replay" && index < 2) expect(estimateOf(terms(log, rewards, row), reward.length)).toBeNaN();
    else close(estimateOf(terms(log, rewards, row), reward.length), row.value, JSON.stringify(row));
});

test.each([0, 1])("the Open Bandit Dataset's rows, log %i, and the relative errors", index => {
  const given = read("dataset")[index];
  const { action, position, user, policy, model, truth } = given;
  const rows = action.length;
  const reward = new Float64Array(rows);
  for (const click of given.clicks) reward[click] = 1;
  const log = {
    reward,
    propensity: Float64Array.from(action, (_, i) =>
      typeof given.propensity === "number" ? given.propensity : given.propensity[i],
    ),
    policy: Float64Array.from(action, (a: number, i) => policy[a][position[i]]),
  };
  const all = (table: number[][], i: number) => table.map(places => places[position[i]]!);
  const rewards = {
    logged: Float64Array.from(action, (a: number, i) => model[user[i]][a][position[i]]),
    expected: expectedReward(
      Float64Array.from(action.flatMap((_: number, i: number) => all(policy, i))),
      Float64Array.from(action.flatMap((_: number, i: number) => all(model[user[i]], i))),
      policy.length,
    ),
  };
  for (const row of given.expected as Expected[]) {
    if (row.estimator === "replay") continue;
    const value = estimateOf(terms(log, rewards, row), rows);
    close(value, row.value, JSON.stringify(row));
    expect(Math.abs(Math.abs(value - truth) / truth - row.relativeError!)).toBeLessThan(1e-8);
  }
});

test.each([0, 1, 2])("lists, synthetic log %i", index => {
  const { reward, action, propensity, policy, model, policyOfAll, expected } = read("slate")[index];
  const lists = reward.length / 3;
  const log = (name: string) => ({
    starts: Int32Array.from({ length: lists + 1 }, (_, l) => 3 * l),
    reward: Float64Array.from(reward),
    propensity: Float64Array.from(propensity[name]),
    policy: Float64Array.from(policy[name]),
  });
  // obp has the weights of whole lists and prefixes; step weights are their ratios.
  const steps = (name: string) => {
    const given = log(name);
    const ratios = (values: Float64Array) =>
      values.map((value, i) => (name === "pscore" ? (i % 3 ? 1 : value) : i % 3 ? value / values[i - 1]! : value));
    return { ...given, propensity: ratios(given.propensity), policy: ratios(given.policy) };
  };
  const rewards = {
    logged: Float64Array.from(action, (a: number, i) => model[5 * i + a]),
    expected: Float64Array.from(action, (_, i) =>
      [0, 1, 2, 3, 4].reduce((total, a) => total + policyOfAll[5 * i + a] * model[5 * i + a], 0),
    ),
  };
  const found: Record<string, Terms> = {
    sips: standardIps(steps("pscore")),
    iips: independentIps(log("pscore_item_position")),
    rips: rewardInteractionIps(steps("pscore_cascade")),
    snsips: selfNormalizedStandardIps(steps("pscore")),
    sniips: selfNormalizedPositionIps(log("pscore_item_position"), "position"),
    snrips: selfNormalizedPositionIps(steps("pscore_cascade"), "prefix"),
    "cascade-dr": cascadeDoublyRobust(steps("pscore_cascade"), rewards),
  };
  expect(Object.keys(found)).toEqual(Object.keys(expected));
  for (const [name, value] of Object.entries(expected)) close(estimateOf(found[name]!, lists), value as number, name);
});
