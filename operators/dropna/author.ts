/** Drops rows that lack a value. */

import { Op } from "../../compiler/dsl/node.js";
import type { SameRule } from "../../compiler/dsl/rule.js";
import { OP_PARAMS } from "../../contract/op-params.js";
import { REQUEST_ROWS } from "../../contract/schema.js";
import { sameRows } from "../shared/author/columns.js";
import { defineOp } from "../shared/author/define-op.js";

/**
 * Drops every row in which a column on the left is null (NaN too); a list is a value, even an empty one. Workflows only, as `filter`.
 * NVTabular's Dropna.
 * @example ["user_id", "price"] >> dropna()
 */
export const dropna = (): Op<SameRule> => new Op("dropna", {});

export const dropnaOp = defineOp({
  kind: "dropna",
  params: OP_PARAMS.dropna,
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
