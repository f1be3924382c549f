/** (x − min) / (max − min) with the extremes of the fitted data. */

import type { Recast } from "../../compiler/dsl/column.js";
import { Op } from "../../compiler/dsl/node.js";
import type { NumbersOnly, Rule } from "../../compiler/dsl/rule.js";
import { OP_PARAMS, type OpParamsInput } from "../../contract/op-params.js";
import { defineOp } from "../shared/author/define-op.js";
import { scaleColumns } from "../shared/author/elementwise.js";

interface MinMaxRule<To extends string> extends Rule {
  readonly fault: NumbersOnly<"normalizeMinMax", this["S"]>;
  readonly out: Recast<this["S"], To>;
}

/**
 * (x − min) / (max − min), nulls left out; not clipped, so that values outside the fitted range fall outside [0, 1]. A column that was
 * constant becomes 0.5 (NVTabular computes x / 2x, which is NaN at 0).
 * @param options.outDtype `"float64"` (default, as NVTabular) or `"float32"`
 * @example ["age"] >> normalizeMinMax({ outDtype: "float32" })
 */
export function normalizeMinMax(options: { readonly outDtype: "float32" }): Op<MinMaxRule<"float32">>;
export function normalizeMinMax(options?: { readonly outDtype?: "float64" }): Op<MinMaxRule<"float64">>;
export function normalizeMinMax(options: OpParamsInput["normalizeMinMax"] = {}): Op<MinMaxRule<string>> {
  return new Op("normalizeMinMax", options);
}

export const normalizeMinMaxOp = defineOp({
  kind: "normalizeMinMax",
  params: OP_PARAMS.normalizeMinMax,
  infer: call => scaleColumns(call, "normalizeMinMax"),
});
