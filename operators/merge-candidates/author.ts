/** Candidates of several sources → those of all, each once. */
import { z } from "zod";
import * as messages from "../../compiler/diagnostics/messages.js";
import type { ColumnType } from "../../compiler/dsl/column.js";
import { type AnyNode, Op } from "../../compiler/dsl/node.js";
import type { Rule } from "../../compiler/dsl/rule.js";
import type { NotOne } from "../../compiler/dsl/wanted.js";
import { OP_PARAMS, type OpParamsInput } from "../../contract/op-params.js";
import { printType } from "../../contract/schema.js";
import type { Bound } from "../shared/author/bound.js";
import { describeRows, needOne } from "../shared/author/columns.js";
import { type Call, defineOp } from "../shared/author/define-op.js";
import { candidateRows } from "../shared/author/ordering.js";
import { OTHER_SOURCES } from "./spec.js";

type Options = Readonly<OpParamsInput["mergeCandidates"]>;

interface MergeRule<O> extends Rule {
  readonly fault: NotOne<"mergeCandidates", this["S"]>;
  readonly out: this["S"] extends `${infer T extends ColumnType} ${string}`
    ? `${T} ${O extends { readonly name: infer N extends string } ? N : "candidate_ids"}`
    : string;
}

/**
 * Takes candidates of several sources in turn: the first of each, then the second of each, until all are taken. A candidate of several
 * sources appears once, at its first position; nulls are left out. A source without candidates for a user leaves its turns to the others.
 * @param others one to seven further sources: candidates of the same rows and type as the left ones
 * @param options.name name of the column it makes @default "candidate_ids"
 * @param options.topk most candidates of a user; without it all
 * @example retrieval["candidate_ids"] >> mergeCandidates([user["popular_ids"] >> explode()], { topk: 100 })
 */
export const mergeCandidates = <const O extends Options = Record<never, never>>(
  others: AnyNode | readonly AnyNode[],
  options?: O,
): Op<MergeRule<O>> => {
  const sources: readonly unknown[] = Array.isArray(others) ? others : [others];
  const dependencies = Object.fromEntries(
    OTHER_SOURCES.flatMap((port, i) => (i < sources.length ? [[port, sources[i]]] : [])),
  );
  return new Op("mergeCandidates", { ...options, sources: sources.length }, dependencies);
};

export const mergeCandidatesOp = defineOp({
  kind: "mergeCandidates",
  positional: ["sources"],
  // How many sources the author wrote; a plan has them as inputs.
  params: OP_PARAMS.mergeCandidates.extend({ sources: z.number().int() }),
  infer: call => {
    const { sources, ...params } = call.params;
    if (sources < 1 || sources > OTHER_SOURCES.length)
      return call.fail(
        messages.graphParameter({
          operator: "mergeCandidates",
          problem: `it has ${sources} sources beside the left one, and takes 1 to ${OTHER_SOURCES.length}.`,
          way: "Merge some of them first: what it makes is a source again.",
        }),
        "right",
      );
    const first = needOne(call, call.input, "`mergeCandidates`", "mergeCandidates(...)");
    const parent = first && candidateRows(call, first, "mergeCandidates");
    if (!first || parent === undefined) return undefined;
    const others: { [K in (typeof OTHER_SOURCES)[number]]?: readonly [Bound] } = {};
    for (const port of OTHER_SOURCES.slice(0, sources)) {
      const other = otherSource(call, port, first, parent);
      if (!other) return undefined;
      others[port] = [other];
    }
    return {
      params,
      inputs: { input: [first], ...others },
      outputs: [{ ...first.column, name: params.name, rows: call.id, properties: {} }],
      madeRows: { parent },
    };
  },
});

/** The candidates at a port; reports those of other rows or of another type. */
function otherSource(call: Call<unknown>, port: string, first: Bound, parent: string): Bound | undefined {
  const blame = { dependency: port };
  const other = needOne(call, call.dependency(port), "A source of `mergeCandidates`", "…", blame);
  if (!other) return undefined;
  const { column } = other;
  if (column.list || call.parentRows(column.rows) !== parent)
    return call.fail(
      messages.graphParameter({
        operator: "mergeCandidates",
        problem: `\`${column.name}\` has one ${printType(column)} per ${describeRows(column.rows)}, and the left side candidates of each ${describeRows(parent)}.`,
        way: 'Give it candidates: `>> queryFaiss(...)`, or lists of the request as `user["popular_ids"] >> explode()`.',
      }),
      blame,
    );
  if (printType(column) !== printType(first.column))
    return call.fail(
      messages.schemaDtypeMismatch({
        reader: "`mergeCandidates`",
        column: column.name,
        wanted: printType(first.column),
        seen: printType(column),
        way: "Give it ids of one type.",
      }),
      blame,
    );
  return other;
}
