/** Numbers → the number of boundaries at or below them. */

import { listNames } from "../../compiler/diagnostics/diagnostic.js";
import * as messages from "../../compiler/diagnostics/messages.js";
import type { Recast } from "../../compiler/dsl/column.js";
import { Op } from "../../compiler/dsl/node.js";
import type { NumbersOnly, Rule } from "../../compiler/dsl/rule.js";
import { OP_PARAMS } from "../../contract/op-params.js";
import { printType } from "../../contract/schema.js";
import { defineOp } from "../shared/author/define-op.js";
import { mapColumns, needNumber, numbersOf, withTags } from "../shared/author/elementwise.js";

interface BucketizeRule extends Rule {
  readonly fault: NumbersOnly<"bucketize", this["S"]>;
  readonly out: Recast<this["S"], "int32">;
}

/**
 * The number of boundaries ≤ x: 0 … `boundaries.length`, int32. A null (NaN too) is in the last bucket, as in NVTabular's Bucketize, so no
 * bucket is null. Put `fillMissing` before it for another rule.
 * @param boundaries rising numbers, for every column or by column name
 * @example ["price", "age"] >> bucketize({ price: [10, 50, 100], age: [18, 30, 65] })
 */
export const bucketize = (
  boundaries: readonly number[] | Readonly<Record<string, readonly number[]>>,
): Op<BucketizeRule> => new Op("bucketize", { boundaries });

const rising = (numbers: readonly number[]) => numbers.every((x, i) => i === 0 || numbers[i - 1]! < x);

export const bucketizeOp = defineOp({
  kind: "bucketize",
  params: OP_PARAMS.bucketize.refine(
    ({ boundaries }) => (Array.isArray(boundaries) ? [boundaries] : Object.values(boundaries)).every(rising),
    "`boundaries` must rise",
  ),
  infer: call =>
    mapColumns(call, bound => {
      if (!needNumber(call, "bucketize", bound)) return undefined;
      const { column } = bound;
      const { boundaries } = call.params;
      if (!Array.isArray(boundaries) && !Object.hasOwn(boundaries, column.name))
        return call.fail(
          messages.schemaDtypeUnsupported({
            operator: "bucketize",
            wanted: `columns with boundaries (${listNames(Object.keys(boundaries))})`,
            column: column.name,
            seen: `${printType(column)} without any`,
            way: `Give it some: \`bucketize({ ${JSON.stringify(column.name)}: [0, 10] })\`.`,
          }),
        );
      return withTags(numbersOf(column, "int32"), ["categorical"]);
    }),
});
