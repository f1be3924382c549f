/** Limits numbers to [min, max]. */
import { OP_PARAMS, type OpParamsInput } from "../../triton-protos/op-params.js";
import { Op } from "../dsl/node.js";
import type { NumbersOnly, Rule } from "../dsl/rule.js";
import { defineOp } from "./define-op.js";
import { mapColumns, needNumber } from "./elementwise.js";

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
  facts: { elementwise: true, fuses: true, inWorkflow: true, prunable: true },
  infer: call => mapColumns<"clip">(call, bound => (needNumber(call, "clip", bound) ? bound.column : undefined)),
});
