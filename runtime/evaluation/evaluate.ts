/** A log and a policy's probabilities → estimates with intervals, the lift over the logging policy, and diagnostics. */
import { invalid } from "../base/errors.js";
import { bootstrap, type Interval, percentileInterval } from "./bootstrap.js";
import {
  describeWeights,
  type PositionWeights,
  type SegmentWeights,
  segmentWeights,
  weakest,
  weightsByPosition,
} from "./diagnostics.js";
import { assumptionOf, ESTIMATORS, type EstimatorName, type Log, type Tuning, usualEstimators } from "./estimators.js";
import { loggedValue, slateWeights } from "./slate.js";
import { estimateOf, sum, type Terms } from "./terms.js";

export interface ClusteredLog extends Log {
  /** Request of each list, ascending from 0 without gaps [lists]. */
  readonly clusterOf: Int32Array;
  readonly segments?: {
    readonly column: string;
    readonly names: readonly string[];
    /** [lists], −1 for a segment without a name */
    readonly of: Int32Array;
  };
  /** Share of the policy's probability that is on items which no list of the log shows; absent if the log has shown items alone. */
  readonly neverShown?: number;
  /** The reward model, if it was fitted on the log. */
  readonly fittedRewards?: FittedSummary;
}

/** A ridge regression on columns of the log, positions and items. */
export interface FittedSummary {
  readonly columns: readonly string[];
  /** A row is predicted by the model of the other folds. */
  readonly folds: number;
}

export interface EvaluateOptions {
  /** The first one that may decide gives the verdict; the usual one is added if none may. Default: {@link usualEstimators}. */
  readonly estimators?: readonly EstimatorName[];
  readonly tuning: Tuning;
  readonly samples: number;
  readonly seed: number;
  /** Level of the intervals, such as 0.95. */
  readonly level: number;
}

export interface Estimate {
  readonly estimator: EstimatorName;
  readonly title: string;
  /** Follows "assumes". */
  readonly assumes: string;
  /** Whether its assumption allows a verdict. */
  readonly decides: boolean;
  /** An estimator that assumes less, from which it differs: the log contradicts its assumption. */
  readonly contradiction: Contradiction | undefined;
  /** At the position where it is smallest. */
  readonly effectiveSampleSize: number;
  /** Reward per list. */
  readonly value: number;
  readonly interval: Interval | undefined;
  /** value / logged value − 1; absent if the logged value is 0. */
  readonly lift: number | undefined;
  readonly liftInterval: Interval | undefined;
  readonly differenceInterval: Interval | undefined;
}

export interface Contradiction {
  readonly estimator: EstimatorName;
  /** Estimate minus that of the other one. */
  readonly difference: number;
  readonly standardError: number;
}

/** Standard errors of a difference that contradict an assumption. Chance makes as many in one log of 370. */
const CONTRADICTED = 3;
/** Below this effective sample size a percentile interval is too narrow. */
export const LEAST_SIZE = 100;

export interface Evaluation extends Omit<EvaluateOptions, "estimators"> {
  readonly requests: number;
  readonly lists: number;
  readonly rows: number;
  /** The mean reward per list that the logging policy had. */
  readonly logged: { readonly value: number; readonly interval: Interval | undefined };
  readonly estimates: readonly Estimate[];
  /** The estimator that gives the verdict. */
  readonly decider: EstimatorName;
  /** Importance weights of the decider. */
  readonly positions: readonly PositionWeights[];
  /** The one of `positions` with the smallest effective sample size, among those that half of the lists have. */
  readonly weakest: PositionWeights & { readonly meanInterval: Interval | undefined };
  readonly neverShown: number | undefined;
  readonly fittedRewards: FittedSummary | undefined;
  readonly segments: { readonly column: string; readonly weights: readonly SegmentWeights[] } | undefined;
}

/** @throws RuntimeFault if an estimator does not fit the log, misses a hyperparameter, or has nothing to weigh */
export function evaluate(log: ClusteredLog, options: EvaluateOptions): Evaluation {
  const { tuning, samples, seed, level } = options;
  const lists = log.clusterOf.length;
  const usual = usualEstimators(log);
  const given = options.estimators ?? usual;
  for (const name of given) refuseUnfit(name, log);
  refuseTuning(given, tuning);
  const decider = given.find(name => assumptionOf(name, tuning).decides) ?? usual[0]!;
  const names = given.includes(decider) ? given : [...given, decider];
  const { weights: kind } = ESTIMATORS[decider];
  const weighed = weighedBy(decider, log);
  const positions = positionsOf(decider, log, tuning);
  const least = weakest(positions);
  refuseNoOverlap(least);
  refuseOverflow(positions);
  const references = referencesOf(names, log, tuning);
  const all = [...names, ...references.filter(name => !names.includes(name))];
  const terms = [
    loggedValue(log),
    meanWeight(weighed, kind, least.position),
    ...all.map(name => ESTIMATORS[name].terms(log, tuning)),
  ];
  const [logged, mean, ...drawn] = bootstrap(terms, log.clusterOf, { samples, seed });
  const value = estimateOf(terms[0]!, lists);
  const drawnOf = (name: EstimatorName): Drawn => {
    const at = all.indexOf(name);
    return { value: estimateOf(terms[at + 2]!, lists), draws: drawn[at]! };
  };
  if (!Number.isFinite(estimateOf(terms[2 + names.indexOf(decider)]!, lists)))
    throw invalid(
      `\`${decider}\` has no value on this log: no list has a weight, or weights are too large. Name another estimator with \`--estimator\`.`,
    );
  return {
    requests: log.clusterOf.at(-1)! + 1,
    lists,
    rows: log.reward.length,
    level,
    samples,
    seed,
    tuning,
    logged: { value, interval: percentileInterval(logged!, level) },
    decider,
    estimates: names.map((name): Estimate => {
      const { value: estimate, draws: values } = drawnOf(name);
      const { text, decides, less } = assumptionOf(name, tuning);
      return {
        estimator: name,
        title: ESTIMATORS[name].title,
        assumes: text,
        decides,
        contradiction: contradictionOf(
          drawnOf(name),
          less.flatMap(other => (references.includes(other) ? [[other, drawnOf(other)] as const] : [])),
        ),
        effectiveSampleSize: weakest(positionsOf(name, log, tuning)).effectiveSampleSize,
        value: estimate,
        interval: percentileInterval(values, level),
        lift: value === 0 ? undefined : estimate / value - 1,
        liftInterval:
          value === 0
            ? undefined
            : percentileInterval(
                values.map((one, b) => one / logged![b]! - 1),
                level,
              ),
        differenceInterval: percentileInterval(
          values.map((one, b) => one - logged![b]!),
          level,
        ),
      };
    }),
    positions,
    weakest: { ...least, meanInterval: percentileInterval(mean!, level) },
    neverShown: log.neverShown,
    fittedRewards: log.fittedRewards,
    segments: log.segments && {
      column: log.segments.column,
      weights: segmentWeights(lastWeights(weighed, kind), log.segments.of, log.segments.names),
    },
  };
}

const weighedBy = (name: EstimatorName, log: Log): Log =>
  ESTIMATORS[name].needs.includes("marginal") ? { ...log, ...log.marginal } : log;

const positionsOf = (name: EstimatorName, log: Log, { clip }: Tuning): readonly PositionWeights[] =>
  weightsByPosition(weighedBy(name, log), ESTIMATORS[name].weights).map((weights, k) =>
    describeWeights(weights, k + 1, clip),
  );

/** Estimators that assume less than those named, and whose intervals are wide enough on this log. */
function referencesOf(names: readonly EstimatorName[], log: Log, tuning: Tuning): readonly EstimatorName[] {
  const isSingle = log.starts.length - 1 === log.reward.length;
  const less = new Set<EstimatorName>(names.flatMap(name => assumptionOf(name, tuning).less));
  return [...less].filter(
    name =>
      (isSingle || !ESTIMATORS[name].single) &&
      weakest(positionsOf(name, log, tuning)).effectiveSampleSize >= LEAST_SIZE,
  );
}

/** @param of value and draws of an estimate, and of those that assume less */
function contradictionOf(
  of: Drawn,
  references: readonly (readonly [EstimatorName, Drawn])[],
): Contradiction | undefined {
  for (const [estimator, other] of references) {
    const difference = of.value - other.value;
    const standardError = deviationOf(of.draws.map((draw, b) => draw - other.draws[b]!));
    if (Math.abs(difference) > CONTRADICTED * standardError) return { estimator, difference, standardError };
  }
  return undefined;
}

interface Drawn {
  readonly value: number;
  readonly draws: Float64Array;
}

/** NaN if a draw has no value. */
function deviationOf(values: Float64Array): number {
  const mean = sum(values) / values.length;
  return Math.sqrt(sum(values.map(value => (value - mean) ** 2)) / (values.length - 1));
}

/** The mean weight of a position over the lists that have it, as a ratio, so that draws can compute it again. */
function meanWeight(log: Log, kind: "list" | "position" | "prefix", position: number): Terms {
  const weights = slateWeights(log, kind);
  const lists = log.starts.length - 1;
  const [numerator, denominator] = [new Float64Array(lists), new Float64Array(lists)];
  for (let l = 0; l < lists; l++) {
    const row = log.starts[l]! + position - 1;
    if (row >= log.starts[l + 1]!) continue;
    numerator[l] = weights[row]!;
    denominator[l] = 1;
  }
  return [{ numerator, denominator }];
}

/** The weight of each list's last row [lists]. */
function lastWeights(log: Log, kind: "list" | "position" | "prefix"): Float64Array {
  const weights = slateWeights(log, kind);
  return Float64Array.from({ length: log.starts.length - 1 }, (_, l) => weights[log.starts[l + 1]! - 1]!);
}

function refuseUnfit(name: EstimatorName, log: Log): void {
  const { single, needs } = ESTIMATORS[name];
  const longest = log.starts.length - 1 < log.reward.length;
  if (single && longest)
    throw invalid(
      `\`${name}\` is for lists of one item, and lists of this log have more. Use \`rips\`, \`snrips\`, \`sips\` or \`cascade-dr\`.`,
    );
  if (needs.includes("model") && !log.model)
    throw invalid(
      `\`${name}\` needs a reward model. Fit one with \`--fit-rewards\`, or name the column of predicted rewards with \`--predicted\`, in a log of all candidates.`,
    );
  if (needs.includes("marginal") && !log.marginal)
    throw invalid(
      `\`${name}\` needs the probability of an item at its position, whatever is above it, of both policies. Give \`--logged-temperature\` of the draw that was logged, with the scores of all candidates. Or name the columns with \`--marginal-policy\` and \`--marginal-propensity\`, or use \`rips\`.`,
    );
}

function refuseTuning(names: readonly EstimatorName[], tuning: Tuning): void {
  for (const name of names) {
    const wanted = ESTIMATORS[name].tuning;
    const value = wanted && tuning[wanted.name];
    if (wanted?.required && value === undefined) throw invalid(`\`${name}\` needs \`--${wanted.name}\`.`);
    if (wanted?.most !== undefined && value! > wanted.most)
      throw invalid(`\`--${wanted.name}\` is ${value}; \`${name}\` takes 0 to ${wanted.most}.`);
  }
  for (const given of Object.keys(tuning))
    if (!names.some(name => ESTIMATORS[name].tuning?.name === given))
      throw invalid(
        `no estimator here takes \`--${given}\`. It is for ${Object.entries(ESTIMATORS)
          .filter(([, { tuning: own }]) => own?.name === given)
          .map(([name]) => `\`${name}\``)
          .join(", ")}: name one with \`--estimator\`.`,
      );
}

function refuseNoOverlap({ effectiveSampleSize, position }: PositionWeights): void {
  if (effectiveSampleSize > 0) return;
  throw invalid(
    `no list of the log could be shown by the policy: its probability is 0 in every list by position ${position}. The log cannot evaluate it. Log with more exploration, such as a lower \`temperature\` of \`softmaxSampling\`.`,
  );
}

/** Products of many step weights leave the range of a float64. */
function refuseOverflow(positions: readonly PositionWeights[]): void {
  const odd = positions.find(({ max }) => !Number.isFinite(max));
  if (odd)
    throw invalid(
      `an importance weight at position ${odd.position} is too large for a number: propensities of its list are tiny beside the policy's probabilities. Evaluate the first positions alone, or a policy closer to the logged one.`,
    );
}
