/** Joined rows of an experiment → means, comparisons with the control, a check of the assignment, and a verdict in plain words. */
import { invalid } from "../../base/errors.js";
import type { DatabaseOptions } from "../../etl/database.js";
import { printChange, printCount, printNumber } from "../verdict.js";
import { type ArmMean, type Comparison, compareArms, meanOf, sampleRatio } from "./compare-arms.js";
import { type ArmColumns, readArms } from "./read-arms.js";

export interface ExperimentOptions extends ArmColumns, DatabaseOptions {
  /** Weights of the arms in the split. Default: equal ones. */
  readonly weights?: readonly number[];
  /** Level of the intervals. */
  readonly level: number;
  /** Units at which the sequential interval is narrowest. */
  readonly horizon: number;
}

export type Outcome = "better" | "worse" | "no difference shown" | "not reliable";

export interface ExperimentReport {
  readonly metric: string;
  readonly unit: string;
  readonly level: number;
  readonly arms: readonly ArmMean[];
  readonly comparisons: readonly (Comparison & { readonly outcome: Outcome; readonly sentence: string })[];
  /** Pearson's test of the numbers of units against the weights. */
  readonly sampleRatio: { readonly p: number; readonly mismatch: boolean };
  readonly warnings: readonly string[];
}

/** A smaller p-value is a fault of the assignment or the log, not chance. */
const MISMATCH = 0.001;
/** With fewer units the distribution of a mean may be far from normal. */
const FEW = 100;

/** @throws RuntimeFault naming an option, a file, a column, an arm or a unit */
export async function experimentReport(data: readonly string[], options: ExperimentOptions): Promise<ExperimentReport> {
  const { arms, weights = arms.map(() => 1), metric, unit = "request", level, horizon } = options;
  checkOptions(options, weights);
  const means = (await readArms(data, options, options)).map(meanOf);
  const p = sampleRatio(
    means.map(({ units }) => units),
    weights,
  );
  const mismatch = p < MISMATCH;
  // Bonferroni: all intervals together have the level.
  const alpha = (1 - level) / (arms.length - 1);
  const [control, ...others] = means as [ArmMean, ...ArmMean[]];
  const comparisons = others.map(arm => {
    const comparison = compareArms(control, arm, alpha, horizon);
    if (!(comparison.standardError > 0))
      throw invalid(
        `\`${metric}\` is the same in every ${unit} of \`${control.arm}\` and \`${arm.arm}\`. There is nothing to compare.`,
      );
    const outcome = mismatch ? "not reliable" : outcomeOf(comparison);
    return { ...comparison, outcome, sentence: sentenceOf(comparison, outcome, options) } as const;
  });
  const few = means.filter(({ units }) => units < FEW);
  return {
    metric,
    unit,
    level,
    arms: means,
    comparisons,
    sampleRatio: { p, mismatch },
    warnings: [
      ...(mismatch
        ? [
            `the numbers of units differ from the weights (${named(printP(p))}): units are lost or assigned otherwise, so the arms cannot be compared`,
          ]
        : []),
      ...few.map(({ arm, units }) => `arm \`${arm}\` has ${units} units; below ${FEW} the intervals are rough`),
      ...comparisons.flatMap(early),
    ],
  };
}

function checkOptions({ arms, level, horizon }: ExperimentOptions, weights: readonly number[]): void {
  if (arms.length < 2) throw invalid("`--arms` names the control and at least one other arm, as `control,treatment`.");
  const twice = arms.find((arm, i) => arms.indexOf(arm) !== i);
  if (twice !== undefined) throw invalid(`\`--arms\` names \`${twice}\` twice.`);
  if (weights.length !== arms.length || !weights.every(weight => weight > 0 && Number.isFinite(weight)))
    throw invalid(
      `\`--weights\` has one number above 0 for each of the ${arms.length} arms. Got ${weights.join(",")}.`,
    );
  if (!(level > 0 && level < 1)) throw invalid(`\`--level\` is between 0 and 1. Got ${level}.`);
  if (!(horizon >= 1)) throw invalid(`\`--horizon\` is a number of units. Got ${horizon}.`);
}

const outcomeOf = ({ sequential: { interval } }: Comparison): Outcome =>
  interval.low > 0 ? "better" : interval.high < 0 ? "worse" : "no difference shown";

function sentenceOf(comparison: Comparison, outcome: Outcome, { metric, level }: ExperimentOptions): string {
  const { arm, control, difference, lift, sequential } = comparison;
  const { low, high } = sequential.interval;
  const change = lift === undefined ? printSigned(difference) : printChange(lift);
  const interval = `always-valid ${Number((100 * level).toPrecision(4))} % interval of the difference ${printSigned(low)} … ${printSigned(high)}`;
  return `${arm} against ${control}: ${outcome}, ${change} ${metric} per request, ${interval}`;
}

const printSigned = (value: number): string => `${value < 0 ? "−" : "+"}${printNumber(Math.abs(value))}`;

/** The fixed-horizon interval excludes 0, and the sequential one does not. */
function early({ arm, outcome, fixed: { interval } }: ExperimentReport["comparisons"][number]): string[] {
  if (outcome !== "no difference shown" || (interval.low <= 0 && interval.high >= 0)) return [];
  return [
    `the fixed-horizon interval of \`${arm}\` excludes 0. That counts only if this is the one look, at a number of units that was fixed before`,
  ];
}

/** Rows of texts: each arm, then each comparison. */
export function experimentTables({
  arms,
  comparisons,
  unit,
}: ExperimentReport): readonly (readonly (readonly string[])[])[] {
  return [
    [
      ["arm", unit === "request" ? "requests" : unit, "requests", "per request", "standard error"].filter(
        (_, i) => i !== 2 || unit !== "request",
      ),
      ...arms.map(({ arm, units, requests, mean, standardError }) =>
        [arm, printCount(units), printCount(requests), printNumber(mean), printNumber(standardError)].filter(
          (_, i) => i !== 2 || unit !== "request",
        ),
      ),
    ],
    [
      ["arm", "difference", "interval", "p", "method"],
      ...comparisons.flatMap(({ arm, difference, fixed, sequential }) => [
        [
          arm,
          printSigned(difference),
          between(sequential.interval),
          printP(sequential.p),
          "confidence sequence: valid at every look",
        ],
        [
          arm,
          printSigned(difference),
          between(fixed.interval),
          printP(fixed.p),
          "Welch's t: valid at one planned look",
        ],
      ]),
    ],
  ];
}

/** Smaller p-values depend on the tails of an approximation, and a float64 may not have them. */
const LEAST_P = 0.0001;
const printP = (p: number): string => (p < LEAST_P ? `< ${LEAST_P}` : printNumber(p));
const named = (printed: string): string => (printed.startsWith("<") ? `p ${printed}` : `p = ${printed}`);

const between = ({ low, high }: { readonly low: number; readonly high: number }): string =>
  `${printSigned(low)} … ${printSigned(high)}`;
