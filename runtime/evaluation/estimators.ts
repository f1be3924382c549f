/** The estimators by the names of the command line: the columns that each needs, and its terms for a log of lists. */
import {
  directMethod,
  doublyRobust,
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
} from "./single-action.js";
import {
  cascadeDoublyRobust,
  independentIps,
  type LoggedLists,
  rewardInteractionIps,
  type SlateWeights,
  selfNormalizedPositionIps,
  selfNormalizedStandardIps,
  standardIps,
} from "./slate.js";
import type { Terms } from "./terms.js";

/** Lists, and further columns that some estimators need. */
export interface Log extends LoggedLists {
  readonly model?: RewardModel;
  /** Probabilities of an item at its position, whatever is above it [rows]. */
  readonly marginal?: { readonly propensity: Float64Array; readonly policy: Float64Array };
}

/** Hyperparameters; the estimators that have none of a name do not take it. */
export interface Tuning {
  /** Largest importance weight. */
  readonly clip?: number;
  /** Largest weight that Switch-DR corrects with. */
  readonly tau?: number;
  /** Strength of a shrinkage. */
  readonly lambda?: number;
}

/** The condition under which an estimator has no bias, other than one that vanishes as the log grows. */
export interface Assumption {
  /** Follows "assumes". */
  readonly text: string;
  /** Whether its estimator may give a verdict. Those of other assumptions inform. */
  readonly decides: boolean;
  /** Estimators that assume less. The assumption is wrong where one of them differs. */
  readonly less: readonly ("snsips" | "snrips" | "snips")[];
}

const ANY: Assumption = { text: "nothing about rewards", decides: true, less: [] };
const ABOVE: Assumption = {
  text: "that a reward depends only on its item and those above it",
  decides: true,
  less: ["snsips"],
};
const OWN: Assumption = {
  text: "that a reward depends only on its item and position",
  decides: false,
  less: ["snrips", "snsips"],
};
const MODEL: Assumption = { text: "that the reward model is right", decides: false, less: ["snips"] };
const SHRUNK: Assumption = { text: "that large weights may be reduced", decides: false, less: ["snips"] };
const UNIFORM: Assumption = { text: "that the log is uniform", decides: false, less: ["snips"] };

export interface Estimator {
  readonly title: string;
  readonly assumes: Assumption;
  /** Takes lists of one item alone. */
  readonly single: boolean;
  /** Which importance weights it uses, for the diagnostics. */
  readonly weights: SlateWeights;
  readonly needs: readonly ("model" | "marginal")[];
  /** Hyperparameter that it takes, and whether it must be given. */
  readonly tuning?: { readonly name: keyof Tuning; readonly required: boolean; readonly most?: number };
  terms(log: Log, tuning: Tuning): Terms;
}

const single = (
  title: string,
  assumes: Assumption,
  terms: (log: LoggedActions, tuning: Tuning) => Terms,
  tuning?: Estimator["tuning"],
): Estimator => ({ title, assumes, single: true, weights: "position", needs: [], ...(tuning && { tuning }), terms });

const modelled = (
  title: string,
  assumes: Assumption,
  terms: (log: LoggedActions, model: RewardModel, tuning: Tuning) => Terms,
  tuning?: Estimator["tuning"],
): Estimator => ({
  ...single(title, assumes, (log, given) => terms(log, (log as Log).model!, given), tuning),
  needs: ["model"],
});

const ofLists = (
  title: string,
  assumes: Assumption,
  weights: SlateWeights,
  terms: (log: Log) => Terms,
  needs: Estimator["needs"] = [],
): Estimator => ({ title, assumes, single: false, weights, needs, terms });

const marginal = (log: Log): LoggedLists => ({ ...log, ...log.marginal! });
const optional = (name: keyof Tuning) => ({ name, required: false });
const required = (name: keyof Tuning, most?: number) => ({ name, required: true, ...(most !== undefined && { most }) });

const ALL = {
  ips: single("inverse propensity scoring (IPS)", ANY, (log, { clip }) => ips(log, clip), optional("clip")),
  snips: single("self-normalized IPS", ANY, log => snips(log)),
  "sg-ips": single(
    "sub-Gaussian IPS",
    SHRUNK,
    (log, { lambda }) => subGaussianIps(log, lambda!),
    required("lambda", 1),
  ),
  replay: single("replay", UNIFORM, log => replay(log)),
  dm: modelled("direct method (DM)", MODEL, directMethod),
  dr: modelled("doubly robust (DR)", ANY, (log, model, { clip }) => doublyRobust(log, model, clip), optional("clip")),
  sndr: modelled("self-normalized DR", ANY, (log, model) => selfNormalizedDoublyRobust(log, model)),
  "switch-dr": modelled(
    "switch DR",
    SHRUNK,
    (log, model, { tau }) => switchDoublyRobust(log, model, tau!),
    required("tau"),
  ),
  dros: modelled(
    "DR with optimistic shrinkage",
    SHRUNK,
    (log, model, { lambda }) => shrunkDoublyRobust(log, model, lambda!),
    required("lambda"),
  ),
  "sg-dr": modelled(
    "sub-Gaussian DR",
    SHRUNK,
    (log, model, { lambda }) => subGaussianDoublyRobust(log, model, lambda!),
    required("lambda", 1),
  ),
  sips: ofLists("standard IPS of lists", ANY, "list", standardIps),
  iips: ofLists("independent IPS", OWN, "position", log => independentIps(marginal(log)), ["marginal"]),
  rips: ofLists("reward-interaction IPS", ABOVE, "prefix", rewardInteractionIps),
  snsips: ofLists("self-normalized standard IPS", ANY, "list", selfNormalizedStandardIps),
  sniips: ofLists(
    "self-normalized independent IPS",
    OWN,
    "position",
    log => selfNormalizedPositionIps(marginal(log), "position"),
    ["marginal"],
  ),
  snrips: ofLists("self-normalized reward-interaction IPS", ABOVE, "prefix", log =>
    selfNormalizedPositionIps(log, "prefix"),
  ),
  "cascade-dr": ofLists("cascade DR", ABOVE, "prefix", log => cascadeDoublyRobust(log, log.model!), ["model"]),
} satisfies Record<string, Estimator>;

export type EstimatorName = keyof typeof ALL;
export const ESTIMATORS: Readonly<Record<EstimatorName, Estimator>> = Object.freeze(ALL);
export const ESTIMATOR_NAMES = Object.keys(ALL) as readonly EstimatorName[];

/** The assumption of an estimator with its hyperparameters: weights that `--clip` bounds are reduced. */
export const assumptionOf = (name: EstimatorName, { clip }: Tuning): Assumption =>
  clip !== undefined && ESTIMATORS[name].tuning?.name === "clip" ? SHRUNK : ESTIMATORS[name].assumes;

/** The estimators of a log if none is named. The first one gives the verdict. */
export function usualEstimators(log: Log): readonly EstimatorName[] {
  const isSingle = log.starts.length - 1 === log.reward.length;
  if (isSingle) return log.model ? ["snips", "ips", "dm", "dr", "sndr"] : ["snips", "ips"];
  return [
    "snrips",
    "rips",
    "sips",
    ...(log.marginal ? (["iips"] as const) : []),
    ...(log.model ? (["cascade-dr"] as const) : []),
  ];
}
