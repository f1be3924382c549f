/** Drops candidates by lists of the same user. */
import { OP_PARAMS } from "../../triton-protos/op-params.js";
import { type ColumnSchema, printType } from "../../triton-protos/schema.js";
import * as messages from "../diagnostics/messages.js";
import { type AnyNode, isNode, Op } from "../dsl/node.js";
import type { Rule } from "../dsl/rule.js";
import type { NotOne } from "../dsl/wanted.js";
import { describeRows, needOne } from "./columns.js";
import { type Bound, type Call, defineOp } from "./define-op.js";
import { candidateRows } from "./ordering.js";

interface FilterRule extends Rule {
  readonly fault: NotOne<"filterCandidates", this["S"]>;
  readonly out: string extends this["S"]
    ? string
    : this["S"] extends `${infer T} ${string}`
      ? `${T} filtered_ids`
      : never;
}

/** Lists of ids per user: columns of a node, one or several. */
export interface CandidateLists {
  /** Candidates in any of these lists go. */
  readonly deny?: AnyNode;
  /** Candidates in none of these lists go. */
  readonly allow?: AnyNode;
}

/**
 * Drops candidates by lists of the same user; order and doubles stay.
 * @param lists a node whose columns are lists of ids per user, or one id: what to drop. Or `{ deny, allow }`
 * @example retrieval["candidate_ids"] >> filterCandidates(user["purchased_ids"])
 * @example retrieval["candidate_ids"] >> filterCandidates({ deny: user[["purchased_ids", "hidden_ids"]], allow: user["licensed_ids"] })
 */
export const filterCandidates = (lists: AnyNode | CandidateLists): Op<FilterRule> => {
  if (isNode(lists) || typeof lists !== "object" || lists === null)
    return new Op("filterCandidates", {}, { filterOut: lists });
  const { deny, allow, ...options } = lists;
  return new Op("filterCandidates", options, {
    ...(deny !== undefined && { filterOut: deny }),
    ...(allow !== undefined && { allow }),
  });
};

export const filterCandidatesOp = defineOp({
  kind: "filterCandidates",
  params: OP_PARAMS.filterCandidates,
  facts: { elementwise: false, inWorkflow: false, prunable: false },
  infer: call => {
    const candidates = needOne(call, call.input, "`filterCandidates`", "filterCandidates(...)");
    const lists = { filterOut: call.dependency("filterOut"), allow: call.dependency("allow") };
    if (!candidates) return undefined;
    if (lists.filterOut.length + lists.allow.length === 0)
      return call.fail(
        messages.graphParameter({
          operator: "filterCandidates",
          problem: "it has no list to look into.",
          way: 'Give it one: `filterCandidates(user["purchased_ids"])`, or `{ deny, allow }`.',
        }),
      );
    const { column } = candidates;
    const parent = candidateRows(call, candidates, "filterCandidates");
    if (parent === undefined) return undefined;
    for (const [port, scope] of Object.entries(lists))
      for (const list of scope) if (!comparable(call, column, parent, list, port)) return undefined;
    return {
      params: {},
      inputs: {
        input: [candidates],
        ...(lists.filterOut.length > 0 && { filterOut: lists.filterOut }),
        ...(lists.allow.length > 0 && { allow: lists.allow }),
      },
      outputs: [{ ...column, name: "filtered_ids", rows: call.id }],
      madeRows: { parent },
    };
  },
});

/** Reports a list of another dtype than the candidates, or of other rows than the users'. */
function comparable(
  call: Call<unknown>,
  candidates: ColumnSchema,
  parent: string,
  list: Bound,
  dependency: string,
): boolean {
  if (list.column.dtype !== candidates.dtype)
    call.fail(
      messages.schemaDtypeMismatch({
        reader: "`filterCandidates`",
        column: list.column.name,
        wanted: `${candidates.dtype}, like \`${candidates.name}\``,
        seen: printType(list.column),
        way: "Use ids of one dtype on both sides.",
      }),
      { dependency },
      [{ note: `\`${list.column.name}\` is made here`, of: list }],
    );
  else if (list.column.rows !== parent)
    call.fail(
      messages.schemaRowsMismatch({
        reader: "`filterCandidates`",
        left: candidates.name,
        leftRows: describeRows(candidates.rows),
        right: list.column.name,
        rightRows: describeRows(list.column.rows),
        example: candidates.name,
      }),
      { dependency },
    );
  else return true;
  return false;
}
