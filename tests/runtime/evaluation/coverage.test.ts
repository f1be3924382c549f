// How often 95 % intervals hold the true value, by estimator and kind of clicks. COVERAGE_RUNS=200 is the long form, which prints a table.
import { describe, expect, test } from "vitest";
import type { EstimatorName } from "#runtime/evaluation/estimators.js";
import { type Evaluation, evaluate } from "#runtime/evaluation/evaluate.js";
import { judge } from "#runtime/evaluation/verdict.js";
import { CLICKS, clickLog, clickWorld, trueValue } from "./click-logs.js";

const RUNS = Number(process.env.COVERAGE_RUNS ?? 24);
const LISTS = 600;
const SAMPLES = 100;
const LEVEL = 0.95;
/** Standard errors that a count or a mean may be off. */
const OFF = 4;

interface Outcome {
  readonly estimator: EstimatorName;
  /** Runs whose interval holds the truth. */
  held: number;
  contradicted: number;
  readonly errors: number[];
  width: number;
}

interface Simulated {
  readonly outcomes: readonly Outcome[];
  readonly evaluations: readonly Evaluation[];
}

function simulate(kind: keyof typeof CLICKS, length: number, estimators: readonly EstimatorName[]): Simulated {
  const world = clickWorld(length, 4);
  const truth = trueValue(world, CLICKS[kind]);
  const outcomes = new Map<EstimatorName, Outcome>();
  const evaluations: Evaluation[] = [];
  for (let run = 0; run < RUNS; run++) {
    const log = clickLog(world, CLICKS[kind], LISTS, Math.imul(run + 1, 0x9e3779b1));
    const evaluation = evaluate(log, { estimators, tuning: {}, samples: SAMPLES, seed: run, level: LEVEL });
    evaluations.push(evaluation);
    for (const { estimator, value, interval, contradiction } of evaluation.estimates) {
      const of = outcomes.get(estimator) ?? { estimator, held: 0, contradicted: 0, errors: [], width: 0 };
      outcomes.set(estimator, of);
      if (interval!.low <= truth && truth <= interval!.high) of.held++;
      if (contradiction) of.contradicted++;
      of.errors.push(value - truth);
      of.width += (interval!.high - interval!.low) / RUNS;
    }
  }
  if (process.env.COVERAGE_RUNS !== undefined) print(kind, length, truth, outcomes.values());
  return { outcomes: [...outcomes.values()], evaluations };
}

function print(kind: string, length: number, truth: number, outcomes: Iterable<Outcome>): void {
  const lines = [...outcomes].map(({ estimator, held, contradicted, errors, width }) => {
    const { mean, deviation } = spread(errors);
    return `  ${estimator.padEnd(10)} ${((100 * held) / RUNS).toFixed(1).padStart(5)} %  error ${mean.toFixed(4).padStart(7)} ± ${deviation.toFixed(4)}  width ${width.toFixed(4)}  contradicted ${((100 * contradicted) / RUNS).toFixed(1)} %\n`;
  });
  process.stdout.write(
    `${kind} clicks, lists of ${length}, true value ${truth.toFixed(4)}, ${RUNS} logs of ${LISTS}\n${lines.join("")}`,
  );
}

function spread(errors: readonly number[]): { readonly mean: number; readonly deviation: number } {
  const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
  const squares = errors.reduce((sum, error) => sum + (error - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (errors.length - 1)) };
}

/** Intervals hold the truth about as often as they say, and the mean error is within chance. */
function expectUnbiased({ held, errors }: Outcome): void {
  const { mean, deviation } = spread(errors);
  // Percentiles of few draws are narrow: between two order statistics of n draws lie as many of n + 1 parts.
  const expected = (LEVEL * (SAMPLES - 1)) / (SAMPLES + 1);
  expect(held / RUNS).toBeGreaterThan(expected - OFF * Math.sqrt((expected * (1 - expected)) / RUNS));
  expect(Math.abs(mean)).toBeLessThan((OFF * deviation) / Math.sqrt(RUNS));
}

const OF_LISTS: readonly EstimatorName[] = ["sips", "rips", "iips", "snsips", "snrips", "sniips", "cascade-dr"];
const WHOLE: readonly EstimatorName[] = ["sips", "snsips"];
const ABOVE: readonly EstimatorName[] = [...WHOLE, "rips", "snrips", "cascade-dr"];

describe.each<[keyof typeof CLICKS, readonly EstimatorName[]]>([
  ["independent", OF_LISTS],
  ["position-based", OF_LISTS],
  ["cascade", ABOVE],
  ["list", WHOLE],
])("%s clicks", { timeout: 600_000 }, (kind, right) => {
  let simulated: Simulated | undefined;
  const all = () => (simulated ??= simulate(kind, 4, OF_LISTS));
  const others = OF_LISTS.filter(name => !right.includes(name));
  test.each(right)("%s", name => {
    const outcome = all().outcomes.find(({ estimator }) => estimator === name)!;
    expectUnbiased(outcome);
    expect(outcome.contradicted / RUNS).toBeLessThan(0.01 + OFF * Math.sqrt((0.01 * 0.99) / RUNS));
  });
  if (others.length > 0)
    test("estimators of a wrong assumption are biased, some logs contradict them, and none gives a verdict", () => {
      const { outcomes, evaluations } = all();
      const wrong = outcomes.filter(({ estimator }) => others.includes(estimator));
      expect(Math.max(...wrong.map(({ errors }) => spread(errors).mean))).toBeGreaterThan(0.01);
      expect(wrong.some(({ contradicted }) => contradicted > 0)).toBe(true);
      for (const one of evaluations) expect(others).not.toContain(one.decider);
    });
});

test("lists of one item", { timeout: 600_000 }, () => {
  const { outcomes } = simulate("independent", 1, ["ips", "snips", "dr", "sndr"]);
  for (const outcome of outcomes) expectUnbiased(outcome);
});

test("an estimator that a log contradicts, or that needs a proof, does not decide", () => {
  const world = clickWorld(4, 4);
  const options = { tuning: {}, samples: 200, seed: 1, level: LEVEL };
  const cascade = evaluate(clickLog(world, CLICKS.cascade, 4000, 7), { ...options, estimators: ["iips"] });
  expect(cascade.decider).toBe("snrips");
  expect(cascade.estimates.map(({ estimator }) => estimator)).toEqual(["iips", "snrips"]);
  expect(judge(cascade).warnings.join("\n")).toMatch(
    /`iips` differs from `snrips` by 0\.0\d+ \(standard error 0\.00\d+\)\. `iips` assumes that a reward depends only on its item and position, which this log contradicts/,
  );
  const list = evaluate(clickLog(world, CLICKS.list, 8000, 7), { ...options, estimators: ["snrips", "iips"] });
  expect(list.decider).toBe("snrips");
  const { outcome, warnings } = judge(list);
  expect(outcome).toBe("not reliable");
  expect(warnings[0]).toMatch(/`snrips` differs from `snsips`.*Name `snsips` with `--estimator`/);
  const independent = evaluate(clickLog(world, CLICKS.independent, 4000, 7), { ...options, estimators: ["iips"] });
  expect(judge(independent).warnings).toEqual([
    "`iips` gives no verdict: it assumes that a reward depends only on its item and position, which a log cannot prove",
  ]);
});
