/** Gives columns other names. */
import { OP_PARAMS, type OpParamsInput } from "../../triton-protos/op-params.js";
import * as messages from "../diagnostics/messages.js";
import type { Renamed } from "../dsl/column.js";
import { Op } from "../dsl/node.js";
import type { OpenRule, Rule } from "../dsl/rule.js";
import { defineOp } from "./define-op.js";
import { mapColumns } from "./elementwise.js";

interface RenameRule<Name extends string, Prefix extends string, Postfix extends string> extends Rule {
  readonly fault: never;
  readonly out: string extends this["S"]
    ? string
    : Name extends ""
      ? Renamed<this["S"], Prefix, Postfix>
      : this["S"] extends `${infer T} ${string}`
        ? `${T} ${Name}`
        : never;
}

/**
 * Renames: a single column by `name`, any number by `prefix` or `postfix`.
 * @example user["user_id"] >> rename({ name: "customer" })
 */
export function rename<const P extends { readonly name?: string; readonly prefix?: string; readonly postfix?: string }>(
  to: P,
): Op<
  RenameRule<
    P["name"] extends string ? P["name"] : "",
    P["prefix"] extends string ? P["prefix"] : "",
    P["postfix"] extends string ? P["postfix"] : ""
  >
>;
export function rename(to: OpParamsInput["rename"]): Op<OpenRule> {
  return new Op("rename", to);
}

export const renameOp = defineOp({
  kind: "rename",
  params: OP_PARAMS.rename
    .refine(
      p => p.name !== undefined || p.prefix !== undefined || p.postfix !== undefined,
      "needs a `name`, a `prefix` or a `postfix`",
    )
    .refine(
      p => p.name === undefined || (p.prefix === undefined && p.postfix === undefined),
      "takes a `name`, or a `prefix` and `postfix`, not both",
    ),
  facts: { elementwise: true, inWorkflow: true, prunable: true },
  infer: call => {
    const { name, prefix = "", postfix = "" } = call.params;
    if (name !== undefined && call.input.length !== 1)
      call.fail(
        messages.schemaOneColumn({
          reader: "`rename` with a `name`",
          count: call.input.length,
          columns: call.input.map(b => b.column.name).join(", "),
          example: call.input[0]?.column.name ?? "column",
          operator: `rename({ name: ${JSON.stringify(name)} })`,
        }),
        "left",
      );
    return mapColumns<"rename">(call, ({ column }) => ({
      ...column,
      name: name ?? `${prefix}${column.name}${postfix}`,
    }));
  },
});
