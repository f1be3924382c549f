/** Keeps rows: of a workflow's table, or candidates of an ensemble. */
import { z } from "zod";
import { type ColumnFunction, lambdaReference } from "../../compiler/dsl/lambda.js";
import { Op } from "../../compiler/dsl/node.js";
import type { SameRule } from "../../compiler/dsl/rule.js";
import { REQUEST_ROWS } from "../../contract/schema.js";
import { lambdaSchema } from "../lambda-op/author.js";
import { sameRows } from "../shared/author/columns.js";
import { defineOp } from "../shared/author/define-op.js";
import { rowCondition } from "../shared/author/row-condition.js";

/**
 * Keeps the rows for which the condition holds; a row for which it is missing is dropped. In an ensemble it keeps candidates: request rows
 * can't be dropped, since serving returns one row for each.
 *
 * One parameter is the row, several are columns by name. The function is read as `lambdaOp`'s is.
 * @example events >> filter(row => row.price > 0)
 * @example items >> filter(item => item.in_stock && item.price < 100)
 * @example events >> filter((price, quantity) => price * quantity > 10)
 */
export const filter = (condition: ColumnFunction): Op<SameRule> =>
  new Op("filter", { lambda: lambdaReference(condition) });

export const filterOp = defineOp({
  kind: "filter",
  params: z.strictObject({ lambda: lambdaSchema }),
  infer: call => {
    const lambda = call.readFunction(call.params.lambda, "filter");
    if (!lambda) return undefined;
    const { input } = call;
    if (!sameRows(call, input, "`filter`")) return undefined;
    const condition = rowCondition(call, lambda);
    if (!condition) return undefined;
    const rows = input[0]?.column.rows ?? REQUEST_ROWS;
    return {
      params: { text: lambda.source, condition },
      inputs: { input },
      outputs: input.map(({ column }) => ({ ...column, rows: call.id })),
      madeRows: { parent: call.parentRows(rows) ?? rows },
    };
  },
});
