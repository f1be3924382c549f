/** Orders candidates by their scores. */

import { type AnyNode, Op } from "../../compiler/dsl/node.js";
import { OP_PARAMS, type OpParamsInput } from "../../contract/op-params.js";
import { type ColumnsOfNode, type OrderingRule, orderingOp } from "../shared/author/ordering.js";

/**
 * Takes the `topk` best candidates per user, best first; equal scores keep their order. A score that is missing or NaN is an error that
 * names the candidate; infinite scores are first or last. Answers `ordered_ids` and `ordered_scores`.
 * @param relevance one column of scores, one per candidate
 * @param options.topk how many; fewer where there are fewer candidates @default 10
 * @example pairs["item_id"] >> topK(ranking["score"], { topk: 10 })
 */
export const topK = <N extends AnyNode>(
  relevance: N,
  options: OpParamsInput["topK"] = {},
): Op<OrderingRule<"topK", ColumnsOfNode<N>>> => new Op("topK", options, { relevance });

export const topKOp = orderingOp("topK", OP_PARAMS.topK);
