/** Lists → candidates: one group per row. */
import { OP_PARAMS, type OpParamsInput } from "../../triton-protos/op-params.js";
import { printType } from "../../triton-protos/schema.js";
import * as messages from "../diagnostics/messages.js";
import { Op } from "../dsl/node.js";
import type { Rule } from "../dsl/rule.js";
import type { NotOne } from "../dsl/wanted.js";
import { needOne } from "./columns.js";
import { defineOp } from "./define-op.js";

interface ExplodeRule<O> extends Rule {
  readonly fault: NotOne<"explode", this["S"]>;
  readonly out: string extends this["S"]
    ? string
    : this["S"] extends `list<${infer T}> ${string}` | `${infer T}[${number}] ${string}`
      ? `${T} ${O extends { readonly name: infer N extends string } ? N : "candidate_ids"}`
      : string;
}

/**
 * Makes each row's list its candidates, in order; nulls in the list are left out. For candidates that a store or a model gives: popular items of a
 * city, items bought together.
 * @param options.name name of the column it makes @default "candidate_ids"
 * @example user["popular_ids"] >> explode()
 */
export const explode = <const O extends OpParamsInput["explode"] = Record<never, never>>(
  options?: O,
): Op<ExplodeRule<O>> => new Op("explode", { ...options });

export const explodeOp = defineOp({
  kind: "explode",
  params: OP_PARAMS.explode,
  facts: { elementwise: false, inWorkflow: false, prunable: false },
  infer: call => {
    const lists = needOne(call, call.input, "`explode`", "explode()");
    if (!lists) return undefined;
    const { list, ...item } = lists.column;
    if (!list)
      return call.fail(
        messages.schemaDtypeUnsupported({
          operator: "explode",
          wanted: "lists",
          column: item.name,
          seen: printType(lists.column),
          way: "Give it a column that has a list in each row.",
        }),
        "left",
      );
    return {
      params: call.params,
      inputs: { input: [lists] },
      outputs: [
        { ...item, name: call.params.name, rows: call.id, tags: [...new Set([...item.tags, "id"])], properties: {} },
      ],
      madeRows: { parent: item.rows },
    };
  },
});
