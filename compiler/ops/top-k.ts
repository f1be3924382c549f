/** Orders candidates by their scores. */
import { OP_PARAMS, type OpParamsInput } from "../../triton-protos/op-params.js";
import { type AnyNode, Op } from "../dsl/node.js";
import { defineOp } from "./define-op.js";
import { type ColumnsOfNode, inferOrdering, type OrderingRule } from "./ordering.js";

/**
 * Takes the `topk` best candidates per user, best first; equal scores keep their order. Answers `ordered_ids` and `ordered_scores`.
 * @param relevance one column of scores, one per candidate
 * @example pairs["item_id"] >> topK(ranking["score"], { topk: 10 })
 */
export const topK = <N extends AnyNode>(
  relevance: N,
  options: OpParamsInput["topK"] = {},
): Op<OrderingRule<"topK", ColumnsOfNode<N>>> => new Op("topK", options, { relevance });

export const topKOp = defineOp({
  kind: "topK",
  params: OP_PARAMS.topK,
  facts: { elementwise: false, inWorkflow: false, prunable: false },
  infer: call => {
    const found = inferOrdering(call, "topK");
    if (!found) return undefined;
    return {
      params: call.params,
      inputs: { input: [found.ids], relevance: [found.scores] },
      outputs: found.outputs,
      madeRows: { parent: found.parent },
    };
  },
});
