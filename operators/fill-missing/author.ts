/** Replaces nulls (NaN too) by a constant; `addBinaryColumns` marks the rows that were null. */

import * as messages from "../../compiler/diagnostics/messages.js";
import type { NameOf } from "../../compiler/dsl/column.js";
import { Op } from "../../compiler/dsl/node.js";
import type { Rule, SameRule } from "../../compiler/dsl/rule.js";
import { OP_PARAMS, type OpParamsInput } from "../../contract/op-params.js";
import { column, printType } from "../../contract/schema.js";
import { datatype } from "../../triton-protos/datatype.js";
import { defineOp } from "../shared/author/define-op.js";
import { mapColumns } from "../shared/author/elementwise.js";

interface FlaggedRule extends Rule {
  readonly fault: never;
  readonly out: this["S"] | `bool ${NameOf<this["S"]>}_filled`;
}

type Options = Omit<OpParamsInput["fillMissing"], "fillValue">;

/**
 * Replaces nulls by `fillValue`. Names and dtypes stay.
 * @param fillValue number for numbers, text for strings, true or false for bools. Columns of each kind need a call of their own
 * @example ["price"] >> fillMissing(0)
 */
export function fillMissing(
  fillValue: number | string | boolean,
  options: Options & { readonly addBinaryColumns: true },
): Op<FlaggedRule>;
export function fillMissing(fillValue?: number | string | boolean, options?: Options): Op<SameRule>;
export function fillMissing(fillValue: number | string | boolean = 0, options: Options = {}): Op<Rule> {
  return new Op("fillMissing", { fillValue, ...options });
}

const fits = { bool: "boolean", uint: "number", int: "number", float: "number", string: "string" } as const;

export const fillMissingOp = defineOp({
  kind: "fillMissing",
  positional: ["fillValue"],
  params: OP_PARAMS.fillMissing,
  infer: call =>
    mapColumns(call, ({ column: col }) => {
      const { fillValue, addBinaryColumns } = call.params;
      const wanted = fits[datatype(col.dtype).kind];
      if (typeof fillValue !== wanted)
        return call.fail(
          messages.schemaDtypeUnsupported({
            operator: `fillMissing(${JSON.stringify(fillValue)})`,
            wanted: `columns of ${typeof fillValue}s`,
            column: col.name,
            seen: printType(col),
            way: `Fill it with a ${wanted}, in a \`fillMissing\` of its own.`,
          }),
        );
      if (typeof fillValue === "number" && datatype(col.dtype).kind !== "float" && !Number.isInteger(fillValue))
        return call.fail(
          messages.schemaDtypeUnsupported({
            operator: `fillMissing(${fillValue})`,
            wanted: "floats",
            column: col.name,
            seen: printType(col),
            way: "Fill it with a whole number.",
          }),
        );
      return addBinaryColumns
        ? [col, column(`${col.name}_filled`, "bool", { ...(col.list && { list: col.list }), rows: col.rows })]
        : col;
    }),
});
