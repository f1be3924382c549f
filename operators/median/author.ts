/** Numbers → the same numbers, with the median in the schema. */

import { Op } from "../../compiler/dsl/node.js";
import type { NumbersOnly, Rule } from "../../compiler/dsl/rule.js";
import { OP_PARAMS } from "../../contract/op-params.js";
import { OP_STATE } from "../../contract/op-state.js";
import { defineOp } from "../shared/author/define-op.js";
import { mapColumns, needNumber, withProperties } from "../shared/author/elementwise.js";

interface MedianRule extends Rule {
  readonly fault: NumbersOnly<"median", this["S"]>;
  readonly out: this["S"];
}

/**
 * Writes the median of the fitted data into the schema, as property `median`; data stays. The median is that of `fillMedian`: exact, of
 * integers the lower of the middle two.
 * @example ["price"] >> median()
 */
export const median = (): Op<MedianRule> => new Op("median", {});

export const medianOp = defineOp({
  kind: "median",
  params: OP_PARAMS.median,
  infer: call => {
    const state = OP_STATE.median.safeParse(call.state).data;
    return mapColumns(call, bound => {
      if (!needNumber(call, "median", bound)) return undefined;
      const found = state?.columns[bound.column.name];
      return found ? withProperties(bound.column, { median: found.median }) : bound.column;
    });
  },
});
