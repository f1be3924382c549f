/** (x − mean) / std with statistics of the fitted data. */

import type { Recast } from "../../compiler/dsl/column.js";
import { Op } from "../../compiler/dsl/node.js";
import type { NumbersOnly, Rule } from "../../compiler/dsl/rule.js";
import { OP_PARAMS, type OpParamsInput } from "../../contract/op-params.js";
import { defineOp } from "../shared/author/define-op.js";
import { scaleColumns } from "../shared/author/elementwise.js";

interface NormalizeRule<To extends string> extends Rule {
  readonly fault: NumbersOnly<"normalize", this["S"]>;
  readonly out: Recast<this["S"], To>;
}

/**
 * (x − mean) / std; x − mean where std is 0. Sample standard deviation (ddof 1), nulls left out, as NVTabular's Normalize.
 * @param options.outDtype `"float64"` (default, as NVTabular) or `"float32"`
 * @example ["price"] >> logOp() >> normalize({ outDtype: "float32" })
 */
export function normalize(options: { readonly outDtype: "float32" }): Op<NormalizeRule<"float32">>;
export function normalize(options?: { readonly outDtype?: "float64" }): Op<NormalizeRule<"float64">>;
export function normalize(options: OpParamsInput["normalize"] = {}): Op<NormalizeRule<string>> {
  return new Op("normalize", options);
}

export const normalizeOp = defineOp({
  kind: "normalize",
  params: OP_PARAMS.normalize,
  infer: call => scaleColumns(call, "normalize"),
});
