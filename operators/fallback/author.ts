/** Another branch's columns, where the left one fails or takes too long. */

import { type AnyNode, Op } from "../../compiler/dsl/node.js";
import type { Rule } from "../../compiler/dsl/rule.js";
import type { Lacking } from "../../compiler/dsl/wanted.js";
import { OP_PARAMS, type OpParamsInput } from "../../contract/op-params.js";
import { defineOp } from "../shared/author/define-op.js";
import type { ColumnsOfNode } from "../shared/author/ordering.js";
import { otherBranch } from "../shared/author/twins.js";

interface FallbackRule<F extends string> extends Rule {
  readonly fault: string extends F ? never : Lacking<"the fallback", this["S"], F>;
  readonly out: this["S"];
}

/**
 * Returns the columns of `other` if the left branch fails, or is not done `within` milliseconds after the start of the run.
 * The steps that only the losing branch needs are cancelled. A fault of one row (an unknown key, a NaN) affects only that row: the rows of
 * such a request then run one by one. A late or failing model affects the whole request. If the other side fails as well, so does the
 * request, with both reasons. A response reports the chosen branch if the request sets `timings` or `explain`.
 * @param other a node with columns of the same names and types: its branch runs beside the left one
 * @param options.within milliseconds; without it only a fault makes the difference
 * @example retrieval["candidate_ids"] >> fallback(user["popular_ids"] >> explode(), { within: 20 })
 */
export const fallback = <N extends AnyNode>(
  other: N,
  options: OpParamsInput["fallback"] = {},
): Op<FallbackRule<ColumnsOfNode<N>>> => new Op("fallback", options, { fallback: other });

export const fallbackOp = defineOp({
  kind: "fallback",
  params: OP_PARAMS.fallback,
  infer: call => {
    const { input } = call;
    const way =
      'Give candidates for candidates, as `user["popular_ids"] >> explode()` does, and request rows for request rows.';
    const other = otherBranch(call, "fallback", way);
    if (!other) return undefined;
    const { columns: others, parent } = other;
    return {
      params: call.params,
      inputs: { input, fallback: others },
      outputs: input.map(({ column }) => ({ ...column, ...(parent !== undefined && { rows: call.id }) })),
      ...(parent !== undefined && { madeRows: { parent } }),
    };
  },
});
