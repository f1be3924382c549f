/** Another branch's columns, where the left one fails or takes too long. */

import * as messages from "../../compiler/diagnostics/messages.js";
import { type AnyNode, Op } from "../../compiler/dsl/node.js";
import type { Rule } from "../../compiler/dsl/rule.js";
import type { Lacking } from "../../compiler/dsl/wanted.js";
import { OP_PARAMS, type OpParamsInput } from "../../contract/op-params.js";
import { describeRows, sameRows } from "../shared/author/columns.js";
import { defineOp } from "../shared/author/define-op.js";
import type { ColumnsOfNode } from "../shared/author/ordering.js";
import { twins } from "../shared/author/twins.js";

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
    const way = "Give it columns of the same names and types, with `rename` or `[]`.";
    const others = twins(call, input, { port: "fallback", reader: "The fallback" }, way);
    if (!others || !sameRows(call, input, "`fallback`") || !sameRows(call, others, "The fallback")) return undefined;
    const [rows, otherRows] = [input[0]!.column.rows, others[0]!.column.rows];
    const parent = call.parentRows(rows);
    if (parent !== call.parentRows(otherRows) || (parent === undefined && rows !== otherRows))
      return call.fail(
        messages.graphParameter({
          operator: "fallback",
          problem: `the left side has one row per ${describeRows(rows)}, and the fallback one per ${describeRows(otherRows)}.`,
          way: 'Give candidates for candidates, as `user["popular_ids"] >> explode()` does, and request rows for request rows.',
        }),
        { dependency: "fallback" },
      );
    return {
      params: call.params,
      inputs: { input, fallback: others },
      outputs: input.map(({ column }) => ({ ...column, ...(parent !== undefined && { rows: call.id }) })),
      ...(parent !== undefined && { madeRows: { parent } }),
    };
  },
});
