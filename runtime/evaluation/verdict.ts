/** An evaluation → its meaning in plain words, and reasons for doubt. */
import type { Interval } from "./bootstrap.js";
import { type Estimate, type Evaluation, LEAST_SIZE } from "./evaluate.js";

export type Outcome = "better" | "worse" | "no difference shown" | "not reliable";

export interface Verdict {
  readonly outcome: Outcome;
  readonly sentence: string;
  /** Reasons for doubt, the gravest first. */
  readonly warnings: readonly string[];
}

/** A mean weight this far from 1 is an error of a probability, or missing overlap. */
const TOLERANCE = 0.05;
/** A single weight that has this share of the sum decides the estimate. */
const LARGEST_SHARE = 0.05;
/** In a segment. */
const LEAST_SEGMENT_SIZE = 30;

export function judge(evaluation: Evaluation): Verdict {
  const decider = deciderOf(evaluation);
  const grave = [...fewLists(evaluation), ...oddMean(evaluation), ...contradicted(decider)];
  const mild = [
    ...oneList(evaluation),
    ...unseenItems(evaluation),
    ...weakSegments(evaluation),
    ...otherEstimates(evaluation),
  ];
  const difference = decider.differenceInterval;
  const isReliable = grave.length === 0 && difference !== undefined;
  const outcome = !isReliable
    ? "not reliable"
    : difference.low > 0
      ? "better"
      : difference.high < 0
        ? "worse"
        : "no difference shown";
  return { outcome, sentence: sentenceOf(evaluation, outcome), warnings: [...grave, ...mild] };
}

/** The estimate that gives the verdict. */
export const deciderOf = ({ estimates, decider }: Evaluation): Estimate =>
  estimates.find(({ estimator }) => estimator === decider)!;

function sentenceOf(evaluation: Evaluation, outcome: Outcome): string {
  const { lists, requests, level, weakest } = evaluation;
  const { lift, liftInterval, value, interval } = deciderOf(evaluation);
  const per = lists === requests ? "request" : "list";
  const change =
    lift === undefined
      ? `${printNumber(value)} reward per ${per}${range(interval, level, printNumber)}`
      : `${printChange(lift)} reward per ${per}${range(liftInterval, level, printPercent)}`;
  return `${outcome}: ${change}, effective sample size ${printCount(weakest.effectiveSampleSize)} of ${printCount(weakest.lists)}`;
}

const range = (interval: Interval | undefined, level: number, print: (value: number) => string): string =>
  interval
    ? `, ${Math.round(100 * level)} % interval ${print(interval.low)} … ${print(interval.high)}`
    : ", without an interval: most resampled logs have no weight";

/** `by \`snrips\`, which assumes that …` */
export function basisOf(evaluation: Evaluation): string {
  const { estimator, assumes } = deciderOf(evaluation);
  return `by \`${estimator}\`, which assumes ${assumes}`;
}

function contradicted({ estimator, assumes, contradiction }: Estimate): string[] {
  if (!contradiction) return [];
  const { estimator: other, difference, standardError } = contradiction;
  const by = `${printNumber(difference)} (standard error ${printNumber(standardError)})`;
  return [
    `\`${estimator}\` differs from \`${other}\` by ${by}. \`${estimator}\` assumes ${assumes}, which this log contradicts. Name \`${other}\` with \`--estimator\``,
  ];
}

/** Estimates that do not give the verdict, and should not be read as one. */
function otherEstimates({ estimates, decider }: Evaluation): string[] {
  return estimates
    .filter(({ estimator }) => estimator !== decider)
    .flatMap(one => {
      const small =
        one.effectiveSampleSize < LEAST_SIZE
          ? [
              `\`${one.estimator}\` has an effective sample size of ${printCount(one.effectiveSampleSize)}: its interval is too narrow`,
            ]
          : [];
      if (one.decides || one.contradiction) return [...small, ...contradicted(one)];
      return [...small, `\`${one.estimator}\` gives no verdict: it assumes ${one.assumes}, which a log cannot prove`];
    });
}

const fewLists = ({ weakest: { effectiveSampleSize, lists, position }, positions }: Evaluation): string[] =>
  effectiveSampleSize >= LEAST_SIZE
    ? []
    : [
        `the effective sample size is ${printCount(effectiveSampleSize)} of ${printCount(lists)} lists${at(position, positions.length)}; below ${LEAST_SIZE} an interval is too narrow. Log more, or evaluate a policy closer to the logged one`,
      ];

function oddMean({ weakest: { mean, meanInterval, position }, positions, level }: Evaluation): string[] {
  if (!meanInterval || (meanInterval.low <= 1 + TOLERANCE && meanInterval.high >= 1 - TOLERANCE)) return [];
  const found = `the mean importance weight is ${printNumber(mean)}${at(position, positions.length)}${range(meanInterval, level, printNumber)}, expected 1`;
  return [
    mean < 1
      ? `${found}. Either about ${printPercentPlain(1 - mean)} of the policy's lists cannot be in the log, so that their reward is unknown, or the probabilities are wrong`
      : `${found}. The propensities or the policy's probabilities are wrong`,
  ];
}

const oneList = ({ weakest: { largestShare, max, position }, positions }: Evaluation): string[] =>
  largestShare < LARGEST_SHARE
    ? []
    : [
        `one list has ${printPercentPlain(largestShare)} of all weight (${printNumber(max)})${at(position, positions.length)}: the estimate depends on it`,
      ];

const unseenItems = ({ neverShown }: Evaluation): string[] =>
  neverShown === undefined || neverShown < TOLERANCE
    ? []
    : [`${printPercentPlain(neverShown)} of the policy's probability is on items that no list of the log shows`];

function weakSegments({ segments }: Evaluation): string[] {
  const weak = (segments?.weights ?? []).filter(
    ({ effectiveSampleSize, lists }) => effectiveSampleSize < LEAST_SEGMENT_SIZE || effectiveSampleSize < lists / 100,
  );
  return weak.map(
    ({ segment, effectiveSampleSize, lists }) =>
      `overlap is poor for \`${segments!.column}\` = ${segment}: effective sample size ${printCount(effectiveSampleSize)} of ${printCount(lists)} lists`,
  );
}

const at = (position: number, positions: number): string => (positions > 1 ? ` at position ${position}` : "");

export const printCount = (value: number): string => Math.round(value).toLocaleString("en-US");
export const printNumber = (value: number): string => String(Number(value.toPrecision(4)));
/** `+1.2` */
export function printPercent(share: number): string {
  const size = Math.abs(100 * share).toFixed(1);
  return size === "0.0" ? size : `${share < 0 ? "−" : "+"}${size}`;
}
/** `+3.1 %` */
export const printChange = (share: number): string => `${printPercent(share)} %`;
const printPercentPlain = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
