/**
 * Estimators of the value of a ranking policy from logged lists (slates): the expected sum of the rewards of a list.
 *
 * Rows are the shown items of list after list, by position; list l has the rows `starts[l]` … `starts[l + 1] − 1`. The probabilities are
 * those of an item at its position given the items above it (π and π_e of the logging and the evaluation policy). Their ratio is the step
 * weight of a row. Every function returns {@link Terms} with lists as units; `estimateOf` computes the estimate. Arrays are float64.
 */
import type { Part, Terms } from "./terms.js";

export interface LoggedLists {
  /** First row of each list, and the number of rows [lists + 1] */
  readonly starts: Int32Array;
  /** [rows] */
  readonly reward: Float64Array;
  /** π(a_k | x, a_1 … a_k−1) [rows], above 0 */
  readonly propensity: Float64Array;
  /** π_e(a_k | x, a_1 … a_k−1) [rows] */
  readonly policy: Float64Array;
}

/** Which weight a row has: the whole list's, that of the row's position alone, or that of the list down to the row. */
export type SlateWeights = "list" | "position" | "prefix";

/**
 * Importance weight of each row [rows]. For `list` it is the product of step weights over the list, and for `prefix` over the rows down to
 * this one. For `position` it is the step weight itself.
 */
export function slateWeights({ starts, propensity, policy }: LoggedLists, kind: SlateWeights): Float64Array {
  const weights = new Float64Array(policy.length);
  for (let l = 0; l + 1 < starts.length; l++) {
    const [start, end] = [starts[l]!, starts[l + 1]!];
    let product = 1;
    for (let i = start; i < end; i++) {
      const step = policy[i]! / propensity[i]!;
      product *= step;
      weights[i] = kind === "position" ? step : product;
    }
    if (kind === "list") weights.fill(product, start, end);
  }
  return weights;
}

/** Standard IPS: the mean over lists of Σ_k w(list) r_k. Unbiased for any reward. Precup et al. 2000; McInerney et al. 2020. */
export const standardIps = (log: LoggedLists): Terms => perList(log, slateWeights(log, "list"));

/**
 * Independent IPS: the mean over lists of Σ_k w_k r_k. Unbiased if the reward of a position depends on its own item alone. The
 * probabilities must be marginal: those of the item at the position, whatever is above it. Li et al. 2018.
 */
export const independentIps = (log: LoggedLists): Terms => perList(log, slateWeights(log, "position"));

/**
 * Reward-interaction IPS: the mean over lists of Σ_k w(a_1 … a_k) r_k. Unbiased if the reward of a position depends on its item and those
 * above it (a cascade). McInerney et al. 2020.
 */
export const rewardInteractionIps = (log: LoggedLists): Terms => perList(log, slateWeights(log, "prefix"));

/** Standard IPS with the sum of weights in place of the number of lists. */
export const selfNormalizedStandardIps = (log: LoggedLists): Terms => {
  const weights = slateWeights(log, "list");
  const { starts } = log;
  return [{ ...perList(log, weights)[0]!, denominator: ofLists(starts, start => weights[start]!) }];
};

/** Independent or reward-interaction IPS; the weights of each position are divided by their mean. Swaminathan and Joachims 2015. */
export const selfNormalizedPositionIps = (log: LoggedLists, kind: "position" | "prefix"): Terms => {
  const { starts, reward } = log;
  const weights = slateWeights(log, kind);
  return rowsByPosition(starts).map(({ rows, units }): Part => {
    const denominator = Float64Array.from(rows, row => weights[row]!);
    return { units, numerator: Float64Array.from(rows, row => weights[row]! * reward[row]!), denominator };
  });
};

/**
 * Cascade doubly robust: the mean over lists of Σ_k [w_1:k (r_k − Q̂_k(a_k)) + w_1:k−1 Q̂_k(π_e)]. Unbiased as reward-interaction IPS, for
 * any Q̂. Its variance is least if Q̂_k predicts the rewards from position k on. Kiyohara et al. 2022.
 * @param model `logged` has Q̂_k(a_k) [rows], and `expected` has Q̂_k(π_e) = Σ_a π_e(a | a_1 … a_k−1) Q̂_k(a) [rows]
 */
export function cascadeDoublyRobust(
  log: LoggedLists,
  { logged, expected }: { readonly logged: Float64Array; readonly expected: Float64Array },
): Terms {
  const { starts, reward } = log;
  const weights = slateWeights(log, "prefix");
  const numerator = ofLists(starts, (start, end) => {
    let total = 0;
    for (let i = start; i < end; i++)
      total += weights[i]! * (reward[i]! - logged[i]!) + (i === start ? 1 : weights[i - 1]!) * expected[i]!;
    return total;
  });
  return [{ numerator }];
}

/** Σ of rewards of each list: the value that the logging policy had. */
export const loggedValue = ({ starts, reward }: Pick<LoggedLists, "starts" | "reward">): Terms => [
  { numerator: ofLists(starts, (start, end) => sumOf(start, end, i => reward[i]!)) },
];

const perList = ({ starts, reward }: LoggedLists, weights: Float64Array): Terms => [
  { numerator: ofLists(starts, (start, end) => sumOf(start, end, i => weights[i]! * reward[i]!)) },
];

const ofLists = (starts: Int32Array, value: (start: number, end: number) => number): Float64Array => {
  const out = new Float64Array(starts.length - 1);
  for (let l = 0; l < out.length; l++) out[l] = value(starts[l]!, starts[l + 1]!);
  return out;
};

function sumOf(start: number, end: number, value: (row: number) => number): number {
  let total = 0;
  for (let i = start; i < end; i++) total += value(i);
  return total;
}

/** Rows and lists of each position, in all as many as there are rows. */
export function rowsByPosition(
  starts: Int32Array,
): readonly { readonly rows: Int32Array; readonly units: Int32Array }[] {
  const counts: number[] = [];
  const lists = starts.length - 1;
  for (let l = 0; l < lists; l++)
    for (let k = 0; k < starts[l + 1]! - starts[l]!; k++) counts[k] = (counts[k] ?? 0) + 1;
  const found = counts.map(count => ({ rows: new Int32Array(count), units: new Int32Array(count) }));
  const at = new Int32Array(counts.length);
  for (let l = 0; l < lists; l++)
    for (let k = 0; k < starts[l + 1]! - starts[l]!; k++) {
      const place = at[k]!++;
      found[k]!.rows[place] = starts[l]! + k;
      found[k]!.units[place] = l;
    }
  return found;
}
