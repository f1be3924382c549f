/** Replaces nulls (NaN too) by the median of the fitted data; `addBinaryColumns` marks the rows that were null. */

import type { NameOf } from "../../compiler/dsl/column.js";
import { Op } from "../../compiler/dsl/node.js";
import type { NumbersOnly, Rule } from "../../compiler/dsl/rule.js";
import { OP_PARAMS, type OpParamsInput } from "../../contract/op-params.js";
import { column } from "../../contract/schema.js";
import { defineOp } from "../shared/author/define-op.js";
import { mapColumns, needNumber } from "../shared/author/elementwise.js";

interface MedianRule<Flags extends boolean> extends Rule {
  readonly fault: NumbersOnly<"fillMedian", this["S"]>;
  readonly out: Flags extends true ? this["S"] | `bool ${NameOf<this["S"]>}_filled` : this["S"];
}

/**
 * Replaces nulls by the column's median. Names and dtypes stay. The median is exact. For floats it is the mean of the middle two, as in
 * NVTabular. For integers it is the lower of the middle two, since the column stays integers (NVTabular's becomes float64).
 * @param options.addBinaryColumns adds a bool column `{column}_filled` that says which rows were null
 * @example ["price"] >> fillMedian()
 */
export function fillMedian(options: { readonly addBinaryColumns: true }): Op<MedianRule<true>>;
export function fillMedian(options?: { readonly addBinaryColumns?: false }): Op<MedianRule<false>>;
export function fillMedian(options: OpParamsInput["fillMedian"] = {}): Op<Rule> {
  return new Op("fillMedian", options);
}

export const fillMedianOp = defineOp({
  kind: "fillMedian",
  params: OP_PARAMS.fillMedian,
  infer: call =>
    mapColumns(call, bound => {
      if (!needNumber(call, "fillMedian", bound)) return undefined;
      const { column: col } = bound;
      return call.params.addBinaryColumns
        ? [col, column(`${col.name}_filled`, "bool", { ...(col.list && { list: col.list }), rows: col.rows })]
        : col;
    }),
});
