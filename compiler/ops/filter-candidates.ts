/** Drops candidates that stand in a list of the same user. */
import { OP_PARAMS } from "../../triton-protos/op-params.js";
import { printType, REQUEST_ROWS } from "../../triton-protos/schema.js";
import * as messages from "../diagnostics/messages.js";
import { type AnyNode, Op } from "../dsl/node.js";
import type { Rule } from "../dsl/rule.js";
import type { NotOne } from "../dsl/wanted.js";
import { describeRows, needOne } from "./columns.js";
import { defineOp } from "./define-op.js";

interface FilterRule extends Rule {
  readonly fault: NotOne<"filterCandidates", this["S"]>;
  readonly out: string extends this["S"]
    ? string
    : this["S"] extends `${infer T} ${string}`
      ? `${T} filtered_ids`
      : never;
}

/**
 * Drops the candidates that `filterOut` lists for the same user; order and doubles stay.
 * @param filterOut one column: a list of ids per user, or one id
 * @example retrieval["candidate_ids"] >> filterCandidates(user["purchased_ids"])
 */
export const filterCandidates = (filterOut: AnyNode): Op<FilterRule> => new Op("filterCandidates", {}, { filterOut });

export const filterCandidatesOp = defineOp({
  kind: "filterCandidates",
  params: OP_PARAMS.filterCandidates,
  facts: { elementwise: false, inWorkflow: false, prunable: false },
  infer: call => {
    const candidates = needOne(call, call.input, "`filterCandidates`", "filterCandidates(...)");
    const out = needOne(call, call.dependency("filterOut"), "The list of `filterCandidates`", "…", {
      dependency: "filterOut",
    });
    if (!candidates || !out) return undefined;
    const { column } = candidates;
    const parent = call.parentRows(column.rows);
    if (parent === undefined || column.list)
      return call.fail(
        messages.schemaDtypeUnsupported({
          operator: "filterCandidates",
          wanted: "candidates of a user",
          column: column.name,
          seen:
            column.rows === REQUEST_ROWS
              ? `one ${printType(column)} per ${describeRows(column.rows)}`
              : printType(column),
          way: "Retrieve candidates first, as `>> queryFaiss(...)` does.",
        }),
        "left",
      );
    if (out.column.dtype !== column.dtype)
      return call.fail(
        messages.schemaDtypeMismatch({
          reader: "`filterCandidates`",
          column: out.column.name,
          wanted: `${column.dtype}, like \`${column.name}\``,
          seen: printType(out.column),
          way: "Use ids of one dtype on both sides.",
        }),
        { dependency: "filterOut" },
        [{ note: `\`${out.column.name}\` is made here`, of: out }],
      );
    if (out.column.rows !== parent)
      return call.fail(
        messages.schemaRowsMismatch({
          reader: "`filterCandidates`",
          left: column.name,
          leftRows: describeRows(column.rows),
          right: out.column.name,
          rightRows: describeRows(out.column.rows),
          example: column.name,
        }),
        { dependency: "filterOut" },
      );
    return {
      params: {},
      inputs: { input: [candidates], filterOut: [out] },
      outputs: [{ ...column, name: "filtered_ids", rows: call.id }],
      madeRows: { parent },
    };
  },
});
