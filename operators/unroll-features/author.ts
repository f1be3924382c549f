/** Repeats a user's columns for each of the user's candidates. */

import * as messages from "../../compiler/diagnostics/messages.js";
import type { IsUnknown, NameOf, Renamed } from "../../compiler/dsl/column.js";
import { type AnyNode, type Node, Op } from "../../compiler/dsl/node.js";
import type { Rule } from "../../compiler/dsl/rule.js";
import { OP_PARAMS } from "../../contract/op-params.js";
import { describeRows, need, sameRows } from "../shared/author/columns.js";
import { defineOp } from "../shared/author/define-op.js";
import { candidateRows } from "../shared/author/ordering.js";

type Prefixed<U extends string, Prefix extends string> = Prefix extends "" ? U : Renamed<U, `${Prefix}_`>;

/** A sentence if the item column is missing, or a name would be used twice. */
type Misfit<Item extends string, U extends string, Prefix extends string, S extends string> =
  true extends IsUnknown<S>
    ? never
    : Item extends NameOf<S>
      ? true extends IsUnknown<U>
        ? never
        : Extract<NameOf<Prefixed<U, Prefix>>, NameOf<S>> extends infer Twice extends string
          ? [Twice] extends [never]
            ? never
            : `unrollFeatures would make column "${Twice}" twice: give it a prefix`
          : never
      : `unrollFeatures needs column "${Item}", which nothing upstream provides`;

interface UnrollRule<Item extends string, U extends string, Prefix extends string> extends Rule {
  readonly fault: Misfit<Item, U, Prefix, this["S"]>;
  readonly out: string extends this["S"] ? string : string extends U ? string : this["S"] | Prefixed<U, Prefix>;
}

type ColumnsOfNode<N> = N extends Node<infer U> ? U : string;

/**
 * Puts the user's columns beside each of the user's candidates; the candidates' columns stay. Scalars, vectors, lists of any length and nulls are
 * repeated as they are.
 * @param itemColumn column of the left side whose rows are the candidates
 * @param user columns with one value per user
 * @param options.prefix put before the user's names with `_`
 * @example items >> unrollFeatures("item_id", user[["age", "city"]], { prefix: "user" })
 */
export function unrollFeatures<const I extends string, N extends AnyNode, const P extends { readonly prefix?: string }>(
  itemColumn: I,
  user: N,
  options?: P,
): Op<UnrollRule<I, ColumnsOfNode<N>, P["prefix"] extends string ? P["prefix"] : "">> {
  return new Op("unrollFeatures", { itemColumn, ...options }, { unroll: user });
}

export const unrollFeaturesOp = defineOp({
  kind: "unrollFeatures",
  positional: ["itemColumn"],
  params: OP_PARAMS.unrollFeatures,
  infer: call => {
    const { itemColumn, prefix } = call.params;
    const reader = "`unrollFeatures`";
    const item = need(
      call,
      call.input,
      itemColumn,
      reader,
      "Name a column of the candidates. `queryFeast` keeps its key with `includeId: true`.",
      {
        literal: itemColumn,
      },
    );
    if (!item || !sameRows(call, call.input, reader)) return undefined;
    if (call.parentRows(item.column.rows) === undefined) {
      candidateRows(call, item, "unrollFeatures");
      return undefined;
    }
    const unroll = call.dependency("unroll");
    const stray = unroll.find(b => !isAncestor(call.parentRows, item.column.rows, b.column.rows));
    if (stray)
      return call.fail(
        messages.schemaDtypeUnsupported({
          operator: "unrollFeatures",
          wanted: `columns with one value per user of \`${itemColumn}\``,
          column: stray.column.name,
          seen: `one per ${describeRows(stray.column.rows)}`,
          way: "Unroll columns of the node that the candidates were retrieved for.",
        }),
        { dependency: "unroll" },
      );
    const added = unroll.map(({ column }) => ({
      ...column,
      name: prefix ? `${prefix}_${column.name}` : column.name,
      rows: item.column.rows,
    }));
    const clash = added.find(a => call.input.some(b => b.column.name === a.name));
    if (clash)
      return call.fail(
        messages.schemaOutputCollision({
          operator: "unrollFeatures",
          column: clash.name,
          way: 'Give the user\'s columns a name of their own: `{ prefix: "user" }`, or leave the column out.',
        }),
        "right",
      );
    return {
      params: call.params,
      inputs: { input: call.input, unroll },
      outputs: [...call.input.map(b => b.column), ...added],
    };
  },
});

function isAncestor(parentRows: (rows: string) => string | undefined, rows: string, ancestor: string): boolean {
  for (let at: string | undefined = parentRows(rows); at !== undefined; at = parentRows(at))
    if (at === ancestor) return true;
  return false;
}
