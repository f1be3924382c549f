/** The shared part of operators that order candidates: ids on the left, scores beside them, `ordered_ids` and `ordered_scores` out. */
import type { z } from "zod";
import type { Message } from "../../../compiler/diagnostics/diagnostic.js";
import * as messages from "../../../compiler/diagnostics/messages.js";
import type { ColumnType } from "../../../compiler/dsl/column.js";
import type { AnyNode, Node } from "../../../compiler/dsl/node.js";
import type { Rule } from "../../../compiler/dsl/rule.js";
import type { NotOne } from "../../../compiler/dsl/wanted.js";
import type { OpParams } from "../../../contract/op-params.js";
import { type ColumnSchema, column, printType } from "../../../contract/schema.js";
import { datatype } from "../../../triton-protos/datatype.js";
import { LIST_PROPENSITY, PROPENSITY } from "../spec/propensity.js";
import type { Bound } from "./bound.js";
import { describeRows, needOne, sameRows } from "./columns.js";
import { type Call, defineOp } from "./define-op.js";
import { largerIsBetter } from "./id-spaces.js";

type DTypeOf<C> = C extends `${infer T extends ColumnType} ${string}` ? T : never;

/** Columns of a node, for rules that read a dependency. */
export type ColumnsOfNode<N extends AnyNode> = N extends Node<infer S> ? S : string;

/** Options of an operator that can answer propensities; `P` is the option's type where the author writes it out. */
export type WithPropensity<Options, P extends boolean> = Omit<Options, "propensity"> & { readonly propensity?: P };

/** @typeParam P the type of the option `propensity` */
export interface OrderingRule<Operator extends string, Scores extends string, P extends boolean = false> extends Rule {
  readonly fault: NotOne<Operator, this["S"]>;
  readonly out: string extends this["S"]
    ? string
    :
        | `${DTypeOf<this["S"]>} ordered_ids`
        | `${string extends Scores ? "float32" : DTypeOf<Scores>} ordered_scores`
        | (P extends true ? "float64 propensity" | "float64 list_propensity" : never);
}

export interface Ordering {
  readonly ids: Bound;
  readonly scores: Bound;
  /** Rows the candidates belong to. */
  readonly parent: string;
  readonly outputs: readonly ColumnSchema[];
}

/** An operator that takes candidates and one score of each. @param faultOf parameters that contradict each other */
export const orderingOp = <K extends "topK" | "softmaxSampling" | "epsilonGreedy">(
  kind: K,
  params: z.ZodType<OpParams[K]>,
  faultOf: (params: OpParams[K]) => Message | undefined = () => undefined,
) =>
  defineOp<K, OpParams[K]>({
    kind,
    params,
    infer: call => {
      const found = inferOrdering(call, kind);
      if (!found) return undefined;
      const fault = faultOf(call.params);
      if (fault) return call.fail(fault);
      return {
        params: call.params,
        inputs: { input: [found.ids], relevance: [found.scores] },
        outputs: [...found.outputs, ...(call.params.propensity ? propensityColumns(call.id) : [])],
        madeRows: { parent: found.parent },
      };
    },
  });

/** The columns of probabilities. @param id of the step */
export const propensityColumns = (id: string): readonly ColumnSchema[] => [
  column("propensity", "float64", { rows: id, properties: { [PROPENSITY]: id } }),
  column("list_propensity", "float64", { rows: id, properties: { [LIST_PROPENSITY]: id } }),
];

/** Finds ids and scores, and says what is wrong with them. */
export function inferOrdering(call: Call<unknown>, operator: string): Ordering | undefined {
  const ids = needOne(call, call.input, `\`${operator}\``, `${operator}(...)`);
  const scores = needOne(call, call.dependency("relevance"), `The relevance of \`${operator}\``, "…", {
    dependency: "relevance",
  });
  if (!ids || !scores) return undefined;
  const parent = candidateRows(call, ids, operator);
  if (parent === undefined || !floatScore(call, scores, operator, { dependency: "relevance" })) return undefined;
  if (!sameRows(call, [ids, scores], `\`${operator}\``, ids.column.name)) return undefined;
  largerIsBetter(call, scores, operator, { dependency: "relevance" });
  return {
    ids,
    scores,
    parent,
    outputs: [
      { ...ids.column, name: "ordered_ids", rows: call.id },
      { ...scores.column, name: "ordered_scores", rows: call.id, tags: [], properties: {} },
    ],
  };
}

/** Rows that candidates belong to; reports a column that holds none. */
export function candidateRows(call: Call<unknown>, { column }: Bound, operator: string): string | undefined {
  const parent = call.parentRows(column.rows);
  if (parent !== undefined && !column.list) return parent;
  return call.fail(
    messages.schemaDtypeUnsupported({
      operator,
      wanted: "candidates of a user",
      column: column.name,
      seen: `one ${printType(column)} per ${describeRows(column.rows)}`,
      way: "Retrieve candidates first, as `>> queryFaiss(...)` does.",
    }),
    "left",
  );
}

/** Reports a score that is not one float per candidate. */
export function floatScore(
  call: Call<unknown>,
  { column }: Bound,
  operator: string,
  blame: Parameters<typeof call.fail>[1],
): boolean {
  const { kind } = datatype(column.dtype);
  if (kind === "float" && !column.list) return true;
  const counts = kind === "int" && !column.list;
  call.fail(
    messages.schemaDtypeUnsupported({
      operator,
      wanted: "one float score per candidate",
      column: column.name,
      seen: printType(column),
      way: `Give it the output of a ranking model${counts ? ", or make a float of the column: `>> lambdaOp(x => x * 1.0)`" : ""}.`,
    }),
    blame,
  );
  return false;
}
