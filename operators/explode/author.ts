/** Lists → candidates: one group per row. */
import { z } from "zod";
import { type AnyNode, type Node, Op } from "../../compiler/dsl/node.js";
import type { Rule } from "../../compiler/dsl/rule.js";
import type { NotOne } from "../../compiler/dsl/wanted.js";
import { idSpaces, spacesOf } from "../../contract/id-space.js";
import { OP_PARAMS, type OpParamsInput } from "../../contract/op-params.js";
import type { ColumnSchema } from "../../contract/schema.js";
import type { Bound } from "../shared/author/bound.js";
import { needOne, sameRows } from "../shared/author/columns.js";
import { type Blame, type Call, defineOp } from "../shared/author/define-op.js";

interface Options extends Readonly<OpParamsInput["explode"]> {
  /** Lists beside the candidates', place by place, such as their scores. */
  readonly with?: AnyNode;
}

/** Columns of lists as columns of their items. */
type ItemsOf<C extends string> = string extends C
  ? string
  : C extends `list<${infer T}> ${infer N}` | `${infer T}[${number}] ${infer N}`
    ? `${T} ${N}`
    : never;

interface ExplodeRule<O> extends Rule {
  readonly fault: NotOne<"explode", this["S"]>;
  readonly out: string extends this["S"]
    ? string
    : this["S"] extends `list<${infer T}> ${string}` | `${infer T}[${number}] ${string}`
      ?
          | `${T} ${O extends { readonly name: infer N extends string } ? N : "candidate_ids"}`
          | (O extends { readonly with: Node<infer C extends string> } ? ItemsOf<C> : never)
      : string;
}

/**
 * Makes each row's list its candidates, in order; nulls in the list are left out. For candidates that a store or a model gives: popular items of a
 * city, items bought together. Lists that run beside it become columns of the candidates under their own names; in each row they must have as many
 * values. A null in one of these is a null of that candidate.
 * @param options.name name of the column it makes @default "candidate_ids"
 * @param options.with lists of the same rows, place by place: scores of the candidates, or their prices
 * @example user["popular_ids"] >> explode()
 * @example user["popular_ids"] >> explode({ with: user[["popular_scores"]] })
 */
export const explode = <const O extends Options = Record<never, never>>(options?: O): Op<ExplodeRule<O>> => {
  const { with: beside, ...params }: Options = options ?? {};
  return new Op("explode", params, beside === undefined ? {} : { with: beside });
};

export const explodeOp = defineOp({
  kind: "explode",
  // A name that an author may write, whose node is no parameter.
  params: OP_PARAMS.explode.extend({ with: z.undefined().optional() }),
  infer: call => {
    const lists = needOne(call, call.input, "`explode`", "explode()");
    if (!lists) return undefined;
    const beside = call.dependency("with");
    if (!isList(call, lists, "left") || !beside.every(one => isList(call, one, { dependency: "with" })))
      return undefined;
    if (!sameRows(call, [lists, ...beside], "`explode`")) return undefined;
    const { name } = call.params;
    const item = itemOf(lists, call.id);
    return {
      params: { name },
      inputs: { input: [lists], ...(beside.length > 0 && { with: beside }) },
      outputs: [
        { ...item, name, tags: [...new Set([...item.tags, "id"])] },
        ...beside.map(one => itemOf(one, call.id)),
      ],
      madeRows: { parent: lists.column.rows },
    };
  },
});

/** Reports a column without lists. */
function isList(call: Call<unknown>, { column }: Bound, blame: Blame): boolean {
  if (column.list) return true;
  call.refuseType(column, "lists", "Give it a column that has a list in each row.", blame);
  return false;
}

function itemOf({ column: { list: _, ...item } }: Bound, rows: string): ColumnSchema {
  return { ...item, rows, properties: idSpaces(spacesOf(item)) };
}
