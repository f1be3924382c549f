/** Limits numbers to [min, max]. */

import { Op } from "../../compiler/dsl/node.js";
import type { NumbersOnly, Rule } from "../../compiler/dsl/rule.js";
import { OP_PARAMS, type OpParamsInput } from "../../contract/op-params.js";
import { defineOp } from "../shared/author/define-op.js";
import { mapColumns, needNumber } from "../shared/author/elementwise.js";

interface ClipRule extends Rule {
  readonly fault: NumbersOnly<"clip", this["S"]>;
  readonly out: this["S"];
}

/**
 * Limits numbers to [min, max]; at least one bound. Names, dtypes and nulls stay.
 * @example ["price"] >> clip({ min: 0, max: 10_000 })
 */
export const clip = (bounds: OpParamsInput["clip"]): Op<ClipRule> => new Op("clip", bounds);

export const clipOp = defineOp({
  kind: "clip",
  params: OP_PARAMS.clip
    .refine(p => p.min !== undefined || p.max !== undefined, "needs a `min`, a `max`, or both")
    .refine(p => p.min === undefined || p.max === undefined || p.min <= p.max, "`min` is above `max`"),
  infer: call => mapColumns(call, bound => (needNumber(call, "clip", bound) ? bound.column : undefined)),
});
