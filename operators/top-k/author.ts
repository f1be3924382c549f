/** Orders candidates by their scores. */

import { type AnyNode, Op } from "../../compiler/dsl/node.js";
import { OP_PARAMS, type OpParamsInput } from "../../contract/op-params.js";
import { type ColumnsOfNode, type OrderingRule, orderingOp, type WithPropensity } from "../shared/author/ordering.js";

/**
 * Takes the `topk` best candidates per user, best first; equal scores keep their order. A score that is missing or NaN is an error that
 * names the candidate; infinite scores are first or last. Answers `ordered_ids` and `ordered_scores`.
 * @param relevance one column of scores, one per candidate
 * @param options.topk how many; fewer where there are fewer candidates @default 10
 * @param options.propensity adds `propensity` and `list_propensity` (float64), which are 1: the order has no chance. A program can then be
 * switched between this operator and `softmaxSampling` @default false
 * @example pairs["item_id"] >> topK(ranking["score"], { topk: 10 })
 */
export const topK = <N extends AnyNode, const P extends boolean = false>(
  relevance: N,
  options: WithPropensity<OpParamsInput["topK"], P> = {},
): Op<OrderingRule<"topK", ColumnsOfNode<N>, P>> => new Op("topK", options, { relevance });

export const topKOp = orderingOp("topK", OP_PARAMS.topK);
