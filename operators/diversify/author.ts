/** Orders candidates by score and by how much they differ. */

import * as messages from "../../compiler/diagnostics/messages.js";
import { type AnyNode, Op } from "../../compiler/dsl/node.js";
import { OP_PARAMS, type OpParamsInput } from "../../contract/op-params.js";
import { printType } from "../../contract/schema.js";
import { datatype } from "../../triton-protos/datatype.js";
import { needOne, sameRows } from "../shared/author/columns.js";
import { defineOp } from "../shared/author/define-op.js";
import { type ColumnsOfNode, inferOrdering, type OrderingRule } from "../shared/author/ordering.js";

/**
 * Takes `topk` candidates per user one after another, each good and unlike those before it. Scores are scaled to 0 … 1 among a user's
 * candidates. Similarity is the cosine of embeddings, and a vector of zeros has the same distance to all. Scores and vectors that are not
 * finite are errors that name the candidate.
 *
 * - `"mmr"`: the largest `balance · score − (1 − balance) · likeness` to the nearest candidate taken. Carbonell and Goldstein, 1998.
 * - `"dpp"`: greedy search for the most probable set of a determinantal point process. Quality is
 *   `exp(balance / (2 (1 − balance)) · score)`, likeness `(1 + cosine) / 2`. Chen, Zhang and Zhou, 2018.
 * @param relevance one column of scores, one per candidate
 * @param embedding one column of vectors of fixed length, one per candidate
 * @param options.topk how many; fewer where there are fewer candidates @default 10
 * @param options.method `"mmr"` or `"dpp"` @default "mmr"
 * @param options.balance 1 looks at the score alone, 0 at difference alone @default 0.7
 * @example pairs["item_id"] >> diversify(ranking["score"], pairs["item_vector"], { topk: 10, method: "dpp" })
 */
export const diversify = <N extends AnyNode>(
  relevance: N,
  embedding: AnyNode,
  options: OpParamsInput["diversify"] = {},
): Op<OrderingRule<"diversify", ColumnsOfNode<N>>> => new Op("diversify", options, { relevance, embedding });

export const diversifyOp = defineOp({
  kind: "diversify",
  params: OP_PARAMS.diversify,
  infer: call => {
    const found = inferOrdering(call, "diversify");
    const embedding = needOne(call, call.dependency("embedding"), "The embedding of `diversify`", "…", {
      dependency: "embedding",
    });
    if (!found || !embedding) return undefined;
    const { dtype, list, name } = embedding.column;
    if (datatype(dtype).kind !== "float" || !list || list.min !== list.max)
      return call.fail(
        messages.schemaDtypeUnsupported({
          operator: "diversify",
          wanted: "float vectors of fixed length",
          column: name,
          seen: printType(embedding.column),
          way: "Give it item embeddings, as the item tower makes them.",
        }),
        { dependency: "embedding" },
      );
    if (!sameRows(call, [found.ids, embedding], "`diversify`", found.ids.column.name)) return undefined;
    return {
      params: call.params,
      inputs: { input: [found.ids], relevance: [found.scores], embedding: [embedding] },
      outputs: found.outputs,
      madeRows: { parent: found.parent },
    };
  },
});
