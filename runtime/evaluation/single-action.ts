/**
 * Estimators of the value of a policy from logged single actions: one row, one action, one reward.
 *
 * π is the logging policy and π_e the evaluation policy. A row has a context x, an action a and a reward r.
 * The importance weight of a row is w = π_e(a|x) / π(a|x).
 * A reward model predicts q̂(x, a), and its mean over the actions of π_e is q̂(x, π_e).
 * E is the mean over rows.
 *
 * Every function returns {@link Terms}; `estimateOf` computes the estimate. Arrays are float64 and have one entry a row.
 */
import type { Terms } from "./terms.js";

export interface LoggedActions {
  /** r [rows] */
  readonly reward: Float64Array;
  /** π(a|x) [rows], above 0 */
  readonly propensity: Float64Array;
  /** π_e(a|x) [rows] */
  readonly policy: Float64Array;
}

/** Predictions of a reward model. */
export interface RewardModel {
  /** q̂(x, a) of the logged action [rows] */
  readonly logged: Float64Array;
  /** q̂(x, π_e) [rows]; see {@link expectedReward} */
  readonly expected: Float64Array;
}

const map = (rows: number, value: (i: number) => number): Float64Array => {
  const out = new Float64Array(rows);
  for (let i = 0; i < rows; i++) out[i] = value(i);
  return out;
};

/** w [rows]; weights above `clip` become `clip`. */
export const importanceWeights = (
  { propensity, policy }: Pick<LoggedActions, "propensity" | "policy">,
  clip = Number.POSITIVE_INFINITY,
): Float64Array => map(policy.length, i => Math.min(policy[i]! / propensity[i]!, clip));

/**
 * q̂(x, π_e) = Σ π_e(a|x) q̂(x, a) / Σ π_e(a|x), with sums over all actions.
 * @param policy π_e(a|x) [rows · actions] @param model q̂(x, a) [rows · actions]
 */
export function expectedReward(policy: Float64Array, model: Float64Array, actions: number): Float64Array {
  return map(policy.length / actions, row => {
    let [above, below] = [0, 0];
    for (let i = row * actions; i < (row + 1) * actions; i++) {
      above += policy[i]! * model[i]!;
      below += policy[i]!;
    }
    return above / below;
  });
}

/** Replay: E[r | w is of an action that a deterministic π_e takes]. For logs of a uniform policy. Li et al. 2011. */
export const replay = ({ reward, policy }: LoggedActions): Terms => {
  const match = map(policy.length, i => Number(policy[i] === 1));
  return [{ numerator: map(reward.length, i => match[i]! * reward[i]!), denominator: match }];
};

/** Inverse propensity scoring: E[min(w, λ) r]. Horvitz and Thompson 1952; Strehl et al. 2010. @param clip λ */
export const ips = (log: LoggedActions, clip?: number): Terms => weighted(log.reward, importanceWeights(log, clip));

/** Self-normalized IPS: E[w r] / E[w]. Swaminathan and Joachims 2015. */
export const snips = (log: LoggedActions): Terms => {
  const weights = importanceWeights(log);
  return [{ ...weighted(log.reward, weights)[0]!, denominator: weights }];
};

/** Sub-Gaussian IPS: E[w / (1 − λ + λ w) · r]. Metelli et al. 2021. @param lambda from 0 (IPS) to 1 (all weights are 1) */
export const subGaussianIps = (log: LoggedActions, lambda: number): Terms =>
  weighted(log.reward, subGaussian(log, lambda));

/** Direct method: E[q̂(x, π_e)]. Beygelzimer and Langford 2009; Dudík et al. 2011. */
export const directMethod = (_: LoggedActions, { expected }: RewardModel): Terms => [{ numerator: expected }];

/** Doubly robust: E[q̂(x, π_e) + min(w, λ) (r − q̂(x, a))]. Dudík et al. 2011 and 2014. @param clip λ */
export const doublyRobust = (log: LoggedActions, model: RewardModel, clip?: number): Terms =>
  corrected(log, model, importanceWeights(log, clip));

/** Self-normalized doubly robust: E[q̂(x, π_e)] + E[w (r − q̂(x, a))] / E[w]. Kallus and Uehara 2019. */
export const selfNormalizedDoublyRobust = (log: LoggedActions, model: RewardModel): Terms => {
  const weights = importanceWeights(log);
  const [base, correction] = corrected(log, model, weights);
  return [base!, { ...correction!, denominator: weights }];
};

/** Switch doubly robust: the correction of DR for rows with w ≤ τ, the direct method for the others. Wang et al. 2017. @param tau τ */
export const switchDoublyRobust = (log: LoggedActions, model: RewardModel, tau: number): Terms => {
  const weights = importanceWeights(log);
  return corrected(
    log,
    model,
    weights.map(w => (w <= tau ? w : 0)),
  );
};

/** Doubly robust with optimistic shrinkage: DR with weights λ w / (w² + λ). Su et al. 2020. @param lambda λ; 0 is DM, ∞ is DR */
export const shrunkDoublyRobust = (log: LoggedActions, model: RewardModel, lambda: number): Terms => {
  const weights = importanceWeights(log);
  const shrunk = lambda === Number.POSITIVE_INFINITY ? weights : weights.map(w => (lambda * w) / (w * w + lambda));
  return corrected(log, model, lambda === 0 ? weights.fill(0) : shrunk);
};

/** Sub-Gaussian doubly robust: DR with weights w / (1 − λ + λ w). Metelli et al. 2021. @param lambda from 0 (DR) to 1 */
export const subGaussianDoublyRobust = (log: LoggedActions, model: RewardModel, lambda: number): Terms =>
  corrected(log, model, subGaussian(log, lambda));

const subGaussian = (log: LoggedActions, lambda: number): Float64Array =>
  importanceWeights(log).map(w => (lambda === 1 ? Number(w > 0) : w / (1 - lambda + lambda * w)));

const weighted = (reward: Float64Array, weights: Float64Array): Terms => [
  { numerator: map(reward.length, i => weights[i]! * reward[i]!) },
];

const corrected = ({ reward }: LoggedActions, { logged, expected }: RewardModel, weights: Float64Array): Terms => [
  { numerator: expected },
  { numerator: map(reward.length, i => weights[i]! * (reward[i]! - logged[i]!)) },
];
