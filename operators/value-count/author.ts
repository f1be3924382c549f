/** Lists → the same lists, with their shortest and longest length in the schema. */

import { Op } from "../../compiler/dsl/node.js";
import type { OpenRule } from "../../compiler/dsl/rule.js";
import { OP_PARAMS } from "../../contract/op-params.js";
import { OP_STATE } from "../../contract/op-state.js";
import type { ColumnSchema } from "../../contract/schema.js";
import { defineOp } from "../shared/author/define-op.js";
import { mapColumns, withProperties } from "../shared/author/elementwise.js";

/**
 * Writes into the schema how few and how many values the fitted lists have; data stays. If all lists have one length, the column becomes a
 * vector of that length, and a list of another length is then an error. NVTabular's ValueCount.
 * @example ["genres"] >> categorify() >> valueCount()
 */
export const valueCount = (): Op<OpenRule> => new Op("valueCount", {});

export const valueCountOp = defineOp({
  kind: "valueCount",
  params: OP_PARAMS.valueCount,
  infer: call => {
    const state = OP_STATE.valueCount.safeParse(call.state).data;
    return mapColumns(call, ({ column }): ColumnSchema | undefined => {
      if (!column.list) return call.refuseType(column, "lists", `Leave it out: \`node - "${column.name}"\`.`);
      const counts = state?.columns[column.name];
      return counts ? { ...withProperties(column, { value_count: { ...counts } }), list: { ...counts } } : column;
    });
  },
});
