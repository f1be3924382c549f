/** ln(x + 1), as float32. */

import type { Recast } from "../../compiler/dsl/column.js";
import { Op } from "../../compiler/dsl/node.js";
import type { NumbersOnly, Rule } from "../../compiler/dsl/rule.js";
import { OP_PARAMS } from "../../contract/op-params.js";
import { defineOp } from "../shared/author/define-op.js";
import { mapColumns, needNumber, numbersOf, withTags } from "../shared/author/elementwise.js";

interface LogRule extends Rule {
  readonly fault: NumbersOnly<"logOp", this["S"]>;
  readonly out: Recast<this["S"], "float32">;
}

/**
 * ln(x + 1) in float32 (NVTabular's LogOp): −1 gives −Infinity, below it NaN.
 * @example ["price"] >> clip({ min: 0 }) >> logOp()
 */
export const logOp = (): Op<LogRule> => new Op("logOp", {});

export const logOpOp = defineOp({
  kind: "logOp",
  params: OP_PARAMS.logOp,
  infer: call =>
    mapColumns(call, bound =>
      needNumber(call, "logOp", bound) ? withTags(numbersOf(bound.column, "float32"), ["continuous"]) : undefined,
    ),
});
