// The verdict: which outcome, in which words, with which doubts.
import { expect, test } from "vitest";
import { describeWeights, effectiveSampleSize, weakest } from "#runtime/evaluation/diagnostics.js";
import { type ClusteredLog, type EvaluateOptions, evaluate } from "#runtime/evaluation/evaluate.js";
import { evaluationPage } from "#runtime/evaluation/evaluation-page.js";
import { headOf, rowsOf } from "#runtime/evaluation/evaluation-table.js";
import { judge } from "#runtime/evaluation/verdict.js";

const OPTIONS: EvaluateOptions = { tuning: {}, samples: 200, seed: 1, level: 0.95 };

/** Single actions: the policy's weight is 1.5 in one half of the log and 0.5 in the other, with these rewards. */
const halves = (requests: number, [heavy, light]: readonly [number, number]): ClusteredLog => {
  const of = <T extends Float64Array | Int32Array>(
    make: (fill: (_: unknown, i: number) => number) => T,
    value: (i: number) => number,
  ) => make((_, i) => value(i));
  const floats = (value: (i: number) => number) => of(fill => Float64Array.from({ length: requests }, fill), value);
  return {
    starts: Int32Array.from({ length: requests + 1 }, (_, i) => i),
    clusterOf: Int32Array.from({ length: requests }, (_, i) => i),
    reward: floats(i => (i % 2 ? light : heavy)),
    propensity: floats(() => 0.5),
    policy: floats(i => (i % 2 ? 0.25 : 0.75)),
  };
};

test("better, worse, and no difference", () => {
  const outcome = (rewards: readonly [number, number]) => judge(evaluate(halves(1000, rewards), OPTIONS));
  expect(outcome([2, 1]).outcome).toBe("better");
  expect(outcome([1, 2]).outcome).toBe("worse");
  expect(outcome([1, 1]).outcome).toBe("no difference shown");
  expect(outcome([2, 1]).sentence).toMatch(
    /^better: \+16\.7 % reward per request, 95 % interval \+1\d\.\d … \+1\d\.\d, effective sample size 800 of 1,000$/,
  );
  expect(outcome([2, 1]).warnings).toEqual([]);
});

test("too few lists are not reliable", () => {
  const { outcome, warnings } = judge(evaluate(halves(60, [2, 1]), OPTIONS));
  expect(outcome).toBe("not reliable");
  expect(warnings[0]).toMatch(/^the effective sample size is 48 of 60 lists; below 100 an interval is too narrow/);
});

test("a mean weight below 1 is a part of the policy that the log lacks; above 1 it is an error", () => {
  const log = halves(1000, [2, 1]);
  const scaled = (factor: number) => judge(evaluate({ ...log, policy: log.policy.map(p => factor * p) }, OPTIONS));
  expect(scaled(0.5).outcome).toBe("not reliable");
  expect(scaled(0.5).warnings[0]).toMatch(
    /mean importance weight is 0\.5.*expected 1\. Either about 50 % of the policy's lists/,
  );
  expect(scaled(1.3).warnings[0]).toMatch(/mean importance weight is 1\.3.*probabilities are wrong/);
  expect(scaled(0.98).warnings).toEqual([]);
});

test("one heavy list, items that were never shown, and weak segments are doubts", () => {
  const log = halves(1000, [2, 1]);
  const propensity = log.propensity.slice();
  propensity[0] = 0.01;
  const of = Int32Array.from({ length: 1000 }, (_, i) => Number(i < 20));
  const { warnings } = judge(
    evaluate(
      { ...log, propensity, neverShown: 0.2, segments: { column: "country", names: ["SE", "NO"], of } },
      OPTIONS,
    ),
  );
  expect(warnings).toEqual([
    "one list has 7.0 % of all weight (75): the estimate depends on it",
    "20 % of the policy's probability is on items that no list of the log shows",
    "overlap is poor for `country` = NO: effective sample size 2 of 20 lists",
  ]);
});

test("a policy that no list agrees with has no estimate, and the message says what to log", () => {
  const log = halves(10, [1, 1]);
  expect(() => evaluate({ ...log, policy: log.policy.map(() => 0) }, OPTIONS)).toThrow(
    /no list of the log could be shown by the policy.*Log with more exploration/,
  );
});

test("weights that leave the range of numbers, and estimates without a value", () => {
  const rows = 2 * 400;
  const log = {
    starts: Int32Array.of(0, 400, 800),
    clusterOf: Int32Array.of(0, 1),
    reward: new Float64Array(rows).fill(1),
    propensity: new Float64Array(rows).fill(0.01),
    policy: Float64Array.from({ length: rows }, (_, i) => (i < 400 ? 1 : 0)),
  };
  expect(() => evaluate(log, OPTIONS)).toThrow(/importance weight at position 1\d\d is too large for a number/);
  // No row has a policy that is certain of it.
  const alone = evaluate(halves(400, [1, 0]), { ...OPTIONS, estimators: ["replay"] });
  expect(rowsOf(alone)[1]!.slice(0, 2)).toEqual(["replay", "-"]);
  expect(alone.decider).toBe("snips");
  const later = evaluate(halves(200, [1, 0]), { ...OPTIONS, estimators: ["ips", "replay"] });
  expect(rowsOf(later)[2]!.slice(0, 5)).toEqual(["replay", "-", "-", "-", "-"]);
});

test.each<[string, Partial<EvaluateOptions>, RegExp]>([
  ["a model that is missing", { estimators: ["dr"] }, /`dr` needs a reward model.*--predicted/],
  ["marginals that are missing", { estimators: ["iips"] }, /`iips` needs the probability.*--marginal-policy/],
  ["a missing hyperparameter", { estimators: ["sg-ips"] }, /`sg-ips` needs `--lambda`/],
  ["one beyond its range", { estimators: ["sg-ips"], tuning: { lambda: 2 } }, /`--lambda` is 2; `sg-ips` takes 0 to 1/],
  [
    "one that nothing takes",
    { tuning: { tau: 2 } },
    /no estimator here takes `--tau`\. It is for `switch-dr`: name one/,
  ],
])("refuses %s", (_, options, message) => {
  expect(() => evaluate(halves(200, [1, 0]), { ...OPTIONS, ...options })).toThrow(message);
});

test("estimators of single actions refuse longer lists", () => {
  const log = {
    ...halves(200, [1, 0]),
    starts: Int32Array.from({ length: 101 }, (_, i) => 2 * i),
    clusterOf: Int32Array.from({ length: 100 }, (_, i) => i),
  };
  expect(() => evaluate(log, { ...OPTIONS, estimators: ["ips"] })).toThrow(/`ips` is for lists of one item.*`rips`/);
  expect(evaluate(log, OPTIONS).estimates.map(({ estimator }) => estimator)).toEqual(["snrips", "rips", "sips"]);
});

test("Kish's effective sample size, clipped shares and the weakest position", () => {
  expect(effectiveSampleSize(Float64Array.of(1, 1, 1, 1))).toBe(4);
  expect(effectiveSampleSize(Float64Array.of(3, 0, 0))).toBe(1);
  expect(effectiveSampleSize(Float64Array.of(2, 1, 1))).toBeCloseTo(16 / 6, 14);
  expect(effectiveSampleSize(Float64Array.of(0, 0))).toBe(0);
  expect(describeWeights(Float64Array.of(3, 1, 0, 0), 2, 2)).toEqual({
    position: 2,
    lists: 4,
    effectiveSampleSize: 1.6,
    mean: 1,
    max: 3,
    largestShare: 0.75,
    clipped: 0.25,
  });
  const positions = [[1, 1, 1, 1], [2, 1, 1], [5]].map((weights, k) =>
    describeWeights(Float64Array.from(weights), k + 1),
  );
  // Position 3 has a quarter of the lists.
  expect(weakest(positions).position).toBe(2);
});

test("the page escapes names that are in the data", () => {
  const log = halves(1000, [2, 1]);
  const segments = { column: "<b>", names: ["<script>"], of: new Int32Array(1000) };
  const evaluation = evaluate({ ...log, segments }, OPTIONS);
  const page = evaluationPage(evaluation, judge(evaluation));
  expect(page).toContain("Segments of &lt;b&gt;");
  expect(page).toContain("&lt;script&gt;");
  expect(page).not.toContain("<script>");
  expect(page).toContain(rowsOf(evaluation)[1]![1]!);
  expect(headOf(evaluation)).toMatch(
    /^1,000 requests, 1,000 shown items\. Logged reward: 1\.5 per request, 95 % interval 1\.4\d* … 1\.5\d*$/,
  );
});
