/** Orders candidates by sampling without replacement from the softmax of their scores. */

import * as messages from "../../compiler/diagnostics/messages.js";
import { type AnyNode, Op } from "../../compiler/dsl/node.js";
import { OP_PARAMS, type OpParamsInput } from "../../contract/op-params.js";
import { type ColumnsOfNode, type OrderingRule, orderingOp, type WithPropensity } from "../shared/author/ordering.js";

/**
 * Takes `topk` candidates per user, drawn without replacement with weight exp(temperature · score); answers `ordered_ids` and their
 * original `ordered_scores`. A draw depends on the seed, on the step and on the user's own candidates, and not on who else is in the
 * request. Without a seed the server draws one for each request (`merlon serve --seed` makes a whole run repeatable). A score that is
 * missing or NaN is an error that names the candidate; infinite scores are first or last.
 *
 * With `propensity` the result has two further columns, both float64, for logs and off-policy evaluation. `propensity` is the probability of
 * this item at this position, given the items above it: exp(T · score) over the sum for the candidates that are left (Plackett–Luce).
 * `list_propensity` is the probability of the whole list, the product over its positions. Each item of the list has the same value: the
 * columns are then one table, and an exposure log stores them as they are. A prefix of the list has the product of its own `propensity`. A
 * product below 5e-324 is 0. All probabilities are conditional on the candidates of the request. They need a list that no later step filters
 * or reorders, and candidates that no earlier step draws.
 * @param relevance one column of scores, one per candidate
 * @param options.topk how many; fewer where there are fewer candidates @default 10
 * @param options.temperature multiplies the scores, as in Merlin: larger is greedier, 0 makes all equally likely, below 0 the worst are
 * first @default 20
 * @param options.mode `"greedy"` takes the best scores, without chance @default "sample"
 * @param options.seed makes every answer repeatable; a request may bring its own as parameter `seed`
 * @param options.minPropensity smallest probability of each candidate left at a position. A uniform draw is mixed in: with n candidates left,
 * a candidate has probability `minPropensity` + (1 − n · `minPropensity`) · its share of the weights. The draw is uniform if n times this is 1 or more.
 * @param options.propensity adds `propensity` and `list_propensity`; both are 1 with `mode: "greedy"` @default false
 * @example pairs["item_id"] >> softmaxSampling(ranking["score"], { topk: 10 })
 */
export const softmaxSampling = <N extends AnyNode, const P extends boolean = false>(
  relevance: N,
  options: WithPropensity<OpParamsInput["softmaxSampling"], P> = {},
): Op<OrderingRule<"softmaxSampling", ColumnsOfNode<N>, P>> => new Op("softmaxSampling", options, { relevance });

export const softmaxSamplingOp = orderingOp("softmaxSampling", OP_PARAMS.softmaxSampling, ({ mode, minPropensity }) =>
  mode === "greedy" && minPropensity !== undefined
    ? messages.graphParameter({
        operator: "softmaxSampling",
        problem: '`minPropensity` is a part of the draw, and `mode: "greedy"` draws nothing.',
        way: "Leave one of the two out.",
      })
    : undefined,
);
