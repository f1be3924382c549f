/** Drops rows that lack a value. */
import { OP_PARAMS } from "../../triton-protos/op-params.js";
import { REQUEST_ROWS } from "../../triton-protos/schema.js";
import { Op } from "../dsl/node.js";
import type { SameRule } from "../dsl/rule.js";
import { sameRows } from "./columns.js";
import { defineOp } from "./define-op.js";

/**
 * Drops every row in which a column on the left is null (NaN too); a list is a value, even an empty one. Workflows only, as `filter`.
 * NVTabular's Dropna.
 * @example ["user_id", "price"] >> dropna()
 */
export const dropna = (): Op<SameRule> => new Op("dropna", {});

export const dropnaOp = defineOp({
  kind: "dropna",
  params: OP_PARAMS.dropna,
  facts: { elementwise: false, inWorkflow: true, prunable: false },
  infer: call => {
    if (!sameRows(call, call.input, "`dropna`")) return undefined;
    const rows = call.input[0]?.column.rows ?? REQUEST_ROWS;
    return {
      params: call.params,
      inputs: { input: call.input },
      outputs: call.input.map(({ column }) => ({ ...column, rows: call.id })),
      madeRows: { parent: call.parentRows(rows) ?? rows },
    };
  },
});
