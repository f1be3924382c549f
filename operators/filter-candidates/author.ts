/** Drops candidates by lists of the same user. */

import { z } from "zod";
import * as messages from "../../compiler/diagnostics/messages.js";
import { type AnyNode, isNode, Op } from "../../compiler/dsl/node.js";
import type { Rule } from "../../compiler/dsl/rule.js";
import type { NotOne } from "../../compiler/dsl/wanted.js";
import { comparedAs } from "../../contract/comparable-ids.js";
import { defined } from "../../contract/defined.js";
import { spacesOf } from "../../contract/id-space.js";
import { OP_PARAMS } from "../../contract/op-params.js";
import { type ColumnSchema, printType } from "../../contract/schema.js";
import { datatype } from "../../triton-protos/datatype.js";
import type { Bound } from "../shared/author/bound.js";
import { describeRows, needOne } from "../shared/author/columns.js";
import { type Call, defineOp } from "../shared/author/define-op.js";
import { meetsIds } from "../shared/author/id-spaces.js";
import { candidateRows } from "../shared/author/ordering.js";

interface FilterRule extends Rule {
  readonly fault: NotOne<"filterCandidates", this["S"]>;
  readonly out: string extends this["S"]
    ? string
    : this["S"] extends `${infer T} ${string}`
      ? `${T} filtered_ids`
      : never;
}

/** Lists of ids per user: columns of a node, one or several. A null, or a list that is empty, holds nothing. */
export interface CandidateLists {
  /** Candidates in any of these lists go. */
  readonly deny?: AnyNode;
  /**
   * Candidates in none of these lists go: of a user whose lists are all empty, every one. Denied candidates are dropped even if allowed.
   */
  readonly allow?: AnyNode;
  /** Bloom filters of ids per user, as text (base64) or list<int64>: candidates in any of them go, and a few that are in none. */
  readonly seen?: AnyNode;
}

/**
 * Drops candidates by lists of the same user; order and doubles stay. Each of the three may be a node of several columns. A candidate in
 * any `deny` list or `seen` filter is dropped. If there are `allow` lists, so is one that is in none of them. A null, or an empty list,
 * holds nothing: a user whose `allow` lists are all empty keeps no candidate. Integers of different widths are compared by value.
 * @param lists a node whose columns are lists of ids per user, or one id: what to drop. Or `{ deny, allow, seen }`, where `seen` holds a
 * Bloom filter per user. It is small for any number of items, and wrong about the few candidates of its error rate (`merlon bloom build`
 * makes them, docs/reference/bloom-filters.md)
 * @example retrieval["candidate_ids"] >> filterCandidates(user["purchased_ids"])
 * @example retrieval["candidate_ids"] >> filterCandidates({ deny: user[["purchased_ids", "hidden_ids"]], allow: user["licensed_ids"] })
 * @example retrieval["candidate_ids"] >> filterCandidates({ seen: user["seen_items"] })
 */
export const filterCandidates = (lists: AnyNode | CandidateLists): Op<FilterRule> => {
  if (isNode(lists) || typeof lists !== "object" || lists === null || Array.isArray(lists))
    return new Op("filterCandidates", {}, { filterOut: lists });
  const { deny, allow, seen, ...others } = lists;
  // A node under another name is a mistake in the name.
  const options = Object.fromEntries(Object.entries(others).map(([name, value]) => [name, isNode(value) || value]));
  return new Op("filterCandidates", options, {
    ...defined({ filterOut: deny, allow, seen }),
  });
};

/** Names that an author may write, whose nodes are not parameters. */
const NO_DATA = z.undefined().optional();

export const filterCandidatesOp = defineOp({
  kind: "filterCandidates",
  params: OP_PARAMS.filterCandidates.extend({ deny: NO_DATA, allow: NO_DATA, seen: NO_DATA }),
  infer: call => {
    const candidates = needOne(call, call.input, "`filterCandidates`", "filterCandidates(...)");
    const lists = { filterOut: call.dependency("filterOut"), allow: call.dependency("allow") };
    const seen = call.dependency("seen");
    if (!candidates) return undefined;
    if (lists.filterOut.length + lists.allow.length + seen.length === 0)
      return call.refuse(
        "it has no list to look into.",
        'Give it one: `filterCandidates(user["purchased_ids"])`, or `{ deny, allow, seen }`.',
      );
    const { column } = candidates;
    const parent = candidateRows(call, candidates, "filterCandidates");
    if (parent === undefined) return undefined;
    for (const [port, scope] of Object.entries(lists))
      for (const list of scope) if (!comparable(call, column, parent, list, port)) return undefined;
    for (const [port, scope] of Object.entries(lists))
      for (const list of scope)
        meetsIds(call, list, { name: `\`${column.name}\``, spaces: spacesOf(column) }, { dependency: port });
    for (const filters of seen) if (!isFilters(call, column, parent, filters)) return undefined;
    return {
      params: {},
      inputs: {
        input: [candidates],
        ...(lists.filterOut.length > 0 && { filterOut: lists.filterOut }),
        ...(lists.allow.length > 0 && { allow: lists.allow }),
        ...(seen.length > 0 && { seen }),
      },
      outputs: [{ ...column, name: "filtered_ids", rows: call.id }],
      madeRows: { parent },
    };
  },
});

/** Reports a list whose ids can't be those of the candidates, or of other rows than the users'. */
function comparable(
  call: Call<unknown>,
  candidates: ColumnSchema,
  parent: string,
  list: Bound,
  dependency: string,
): boolean {
  if (!comparedAs(list.column.dtype, candidates.dtype))
    call.fail(
      messages.schemaDtypeMismatch({
        reader: "`filterCandidates`",
        column: list.column.name,
        wanted: `${candidates.dtype}, like \`${candidates.name}\``,
        seen: printType(list.column),
        way: "Use texts on both sides, or integers.",
      }),
      { dependency },
      [{ note: `\`${list.column.name}\` is made here`, of: list }],
    );
  else return ofUsers(call, candidates, parent, list, dependency);
  return false;
}

/** Reports a column on other rows than the users'. */
function ofUsers(
  call: Call<unknown>,
  candidates: ColumnSchema,
  parent: string,
  { column }: Bound,
  dependency: string,
): boolean {
  if (column.rows === parent) return true;
  call.fail(
    messages.schemaRowsMismatch({
      reader: "`filterCandidates`",
      left: candidates.name,
      leftRows: describeRows(candidates.rows),
      right: column.name,
      rightRows: describeRows(column.rows),
      way: `Give it one list a ${describeRows(parent)}, whose candidates \`${candidates.name}\` holds.`,
    }),
    { dependency },
  );
  return false;
}

/** Reports a column that can't hold a Bloom filter, and candidates that can't be looked up in one. */
function isFilters(call: Call<unknown>, candidates: ColumnSchema, parent: string, filters: Bound): boolean {
  const { dtype, list, name } = filters.column;
  if (!(dtype === "string" && !list) && !(dtype === "int64" && list))
    call.fail(
      messages.schemaDtypeMismatch({
        reader: "`seen` of `filterCandidates`",
        column: name,
        wanted: "string (base64) or list<int64>",
        seen: printType(filters.column),
        way: 'Store the bytes that `merlon bloom build` makes, and read them with `queryFeast(…, { bytes: "base64" })`.',
      }),
      { dependency: "seen" },
    );
  else if (!["int", "string"].includes(datatype(candidates.dtype).kind))
    call.fail(
      messages.schemaDtypeUnsupported({
        operator: "`seen` of `filterCandidates`",
        wanted: "integer or text ids",
        column: candidates.name,
        seen: printType(candidates),
        way: "Give it the ids that the filters were made of.",
      }),
      "left",
    );
  else return ofUsers(call, candidates, parent, filters, "seen");
  return false;
}
