/** Several columns → one bucket of their combination. */

import * as messages from "../../compiler/diagnostics/messages.js";
import { Op } from "../../compiler/dsl/node.js";
import type { OpenRule } from "../../compiler/dsl/rule.js";
import { OP_PARAMS } from "../../contract/op-params.js";
import { column } from "../../contract/schema.js";
import { namesOf, sameRows } from "../shared/author/columns.js";
import { defineOp } from "../shared/author/define-op.js";

/**
 * Crosses all columns on the left into one, `{a}_X_{b}`, int32: the exclusive or of their hashes, mod `numBuckets`. With lists in the list,
 * each of these is a cross of its own. The hash is that of `hashBucket`: it depends on the values alone (NVTabular on CPU mixes the row
 * number in).
 * @param options.nvtabularHash mixes the row number in after all, offline and online, to compare with NVTabular @default false
 * @example ["brand", "category"] >> hashedCross(1000)
 * @example [["brand", "category"], ["brand", "city"]] >> hashedCross(1000)
 */
export const hashedCross = (numBuckets: number, options: { readonly nvtabularHash?: boolean } = {}): Op<OpenRule> =>
  new Op("hashedCross", { numBuckets, ...options });

export const hashedCrossOp = defineOp({
  kind: "hashedCross",
  positional: ["numBuckets"],
  params: OP_PARAMS.hashedCross,
  infer: call => {
    const groups = call.groups.some(group => group.length > 1) ? call.groups : [call.input];
    const lone = groups.find(group => group.length < 2);
    const first = lone?.[0];
    if (lone)
      return call.fail(
        messages.schemaDtypeUnsupported({
          operator: "hashedCross",
          wanted: "two columns or more",
          column: first?.column.name ?? "",
          seen: first ? "alone" : "missing",
          way: "Pick the columns to cross; use `hashBucket` for a single one.",
        }),
        "left",
      );
    const list = call.input.find(b => b.column.list);
    if (list)
      return call.refuseType(
        list.column,
        "one value a row",
        "Cross scalar columns; encode lists on their own, `>> hashBucket(...)`.",
      );
    if (!sameRows(call, call.input, "`hashedCross`")) return undefined;
    const { rows } = call.input[0]!.column;
    return {
      params: { ...call.params, groups: groups.map(namesOf) },
      inputs: { input: call.input },
      outputs: groups.map(group => column(namesOf(group).join("_X_"), "int32", { rows })),
    };
  },
});
