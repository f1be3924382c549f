// Unbiased means: over every list that the logging policy may show, the estimates' mean is the value of the evaluation policy.
import { expect, test } from "vitest";
import {
  directMethod,
  doublyRobust,
  expectedReward,
  ips,
  switchDoublyRobust,
} from "#runtime/evaluation/single-action.js";
import {
  cascadeDoublyRobust,
  independentIps,
  type LoggedLists,
  loggedValue,
  rewardInteractionIps,
  standardIps,
} from "#runtime/evaluation/slate.js";
import { estimateOf, type Terms } from "#runtime/evaluation/terms.js";
import { everyList, marginals, repeatable } from "./worlds.js";

const LENGTH = 3;
const logged = [1, 2.5, 0.4, 1.7, 0.9];
const evaluated = [0.2, 1, 3, 0.7, 2];
const shown = everyList(logged, LENGTH);
const wanted = everyList(evaluated, LENGTH);
const stepsOf = new Map(wanted.map(list => [list.items.join(), list.steps]));

type Reward = (items: readonly number[], k: number) => number;
const random = repeatable(7);
const table = Array.from({ length: 6 }, () => Array.from({ length: 6 }, random));
const byItem: Reward = (items, k) => table[k]![items[k]!]!;
const byPrefix: Reward = (items, k) => items.slice(0, k + 1).reduce((x, item, i) => x * table[i]![item]!, 2);
const byList: Reward = (items, k) => byPrefix(items, k) + (items.includes(2) ? table[5]![items[LENGTH - 1]!]! : 0);

const value = (reward: Reward): number =>
  wanted.reduce((v, { items, probability }) => v + probability * items.reduce((r, _, k) => r + reward(items, k), 0), 0);

/** Mean of an estimate over the logging policy's lists. */
function mean(
  reward: Reward,
  estimate: (log: LoggedLists, items: readonly number[]) => Terms,
  marginal = false,
): number {
  const [of, to] = [marginals(shown, 5, LENGTH), marginals(wanted, 5, LENGTH)];
  let total = 0;
  for (const { items, steps, probability } of shown) {
    const log = {
      starts: Int32Array.of(0, LENGTH),
      reward: Float64Array.from(items, (_, k) => reward(items, k)),
      propensity: Float64Array.from(items, (item, k) => (marginal ? of[k]![item]! : steps[k]!)),
      policy: Float64Array.from(items, (item, k) => (marginal ? to[k]![item]! : stepsOf.get(items.join())![k]!)),
    };
    total += probability * estimateOf(estimate(log, items), 1);
  }
  return total;
}

/** Any Q̂: its expectation over the evaluation policy's next item, given the items above. */
const model = (items: readonly number[]) => {
  const q: Reward = (list, k) => table[(k + 2) % 6]![list[k]!]! + table[k]![list[0]!]!;
  return {
    logged: Float64Array.from(items, (_, k) => q(items, k)),
    expected: Float64Array.from(items, (_, k) => {
      const left = evaluated.map((_, item) => item).filter(item => !items.slice(0, k).includes(item));
      const all = left.reduce((total, item) => total + evaluated[item]!, 0);
      return left.reduce((total, item) => total + (evaluated[item]! / all) * q([...items.slice(0, k), item], k), 0);
    }),
  };
};

test("all lists are enumerated", () => {
  expect(shown).toHaveLength(60);
  expect(shown.reduce((total, list) => total + list.probability, 0)).toBeCloseTo(1, 14);
});

test.each([
  ["standard IPS, any reward", byList, standardIps],
  ["standard IPS, cascade", byPrefix, standardIps],
  ["reward-interaction IPS, cascade", byPrefix, rewardInteractionIps],
  ["reward-interaction IPS, independent", byItem, rewardInteractionIps],
] as const)("%s", (_, reward, estimate) => {
  expect(mean(reward, estimate)).toBeCloseTo(value(reward), 13);
});

test("independent IPS is unbiased by marginal probabilities and independent rewards, and only then", () => {
  expect(mean(byItem, independentIps, true)).toBeCloseTo(value(byItem), 13);
  expect(Math.abs(mean(byPrefix, independentIps, true) - value(byPrefix))).toBeGreaterThan(0.01);
  expect(Math.abs(mean(byItem, independentIps) - value(byItem))).toBeGreaterThan(0.01);
});

test("reward-interaction IPS is biased if a reward depends on items below", () => {
  expect(Math.abs(mean(byList, rewardInteractionIps) - value(byList))).toBeGreaterThan(0.01);
});

test("cascade doubly robust is unbiased for any model", () => {
  expect(mean(byPrefix, (log, items) => cascadeDoublyRobust(log, model(items)))).toBeCloseTo(value(byPrefix), 13);
});

test("the logged value is the logging policy's", () => {
  const own = shown.reduce(
    (v, { items, probability }) => v + probability * items.reduce((r, _, k) => r + byList(items, k), 0),
    0,
  );
  expect(mean(byList, loggedValue)).toBeCloseTo(own, 13);
});

test("single actions: IPS and DR are unbiased for any model, DM and Switch-DR for the right one", () => {
  const [p, e] = [
    [0.5, 0.3, 0.2],
    [0.1, 0.1, 0.8],
  ];
  const r = [1, 4, 2];
  const truth = e.reduce((v, x, a) => v + x * r[a]!, 0);
  const expectation = (q: readonly number[], estimate: (log: never, model: never) => Terms): number =>
    p.reduce((total, probability, a) => {
      const log = {
        reward: Float64Array.of(r[a]!),
        propensity: Float64Array.of(probability),
        policy: Float64Array.of(e[a]!),
      };
      const expected = expectedReward(Float64Array.from(e), Float64Array.from(q), 3);
      const rewards = { logged: Float64Array.of(q[a]!), expected };
      return total + probability * estimateOf(estimate(log as never, rewards as never), 1);
    }, 0);
  const wrong = [3, 0, -1];
  expect(expectation(wrong, log => ips(log))).toBeCloseTo(truth, 13);
  expect(expectation(wrong, (log, q) => doublyRobust(log, q))).toBeCloseTo(truth, 13);
  expect(expectation(r, (log, q) => directMethod(log, q))).toBeCloseTo(truth, 13);
  expect(expectation(r, (log, q) => switchDoublyRobust(log, q, 2))).toBeCloseTo(truth, 13);
  expect(Math.abs(expectation(wrong, (log, q) => switchDoublyRobust(log, q, 2)) - truth)).toBeGreaterThan(0.1);
});
