/** The same candidates for every row. */
import { z } from "zod";
import { Op } from "../../compiler/dsl/node.js";
import type { Rule } from "../../compiler/dsl/rule.js";
import type { NotOne } from "../../compiler/dsl/wanted.js";
import { column } from "../../contract/schema.js";
import { needOne } from "../shared/author/columns.js";
import { defineOp } from "../shared/author/define-op.js";

interface ConstantRule<I, O> extends Rule {
  readonly fault: NotOne<"constantCandidates", this["S"]>;
  readonly out: `${I extends string ? "string" : "int64"} ${O extends { readonly name: infer N extends string } ? N : "candidate_ids"}`;
}

/**
 * Brings the same candidates for each row, in order: items of the editors, or a last resort. The column on the left only says how many rows
 * there are.
 * @param ids texts, or integers (as bigints beyond 2^53), each once
 * @param options.name name of the column it makes @default "candidate_ids"
 * @example request["user_id"] >> constantCandidates([17, 4, 99])
 */
export const constantCandidates = <
  const I extends number | bigint | string,
  const O extends { readonly name?: string } = Record<never, never>,
>(
  ids: readonly I[],
  options?: O,
): Op<ConstantRule<I, O>> =>
  new Op("constantCandidates", {
    ...options,
    ids: ids.map((id: unknown) => (typeof id === "bigint" ? { int64: `${id}` } : id)),
  });

const id = z.union([z.string(), z.number().int().refine(Number.isSafeInteger), z.strictObject({ int64: z.string() })]);

export const constantCandidatesOp = defineOp({
  kind: "constantCandidates",
  positional: ["ids"],
  params: z.strictObject({ ids: z.array(id), name: z.string().min(1).default("candidate_ids") }),
  infer: call => {
    const { ids, name } = call.params;
    const row = needOne(call, call.input, "`constantCandidates`", "constantCandidates([...])");
    if (!row) return undefined;
    const texts = ids.map(one => (typeof one === "object" ? one.int64 : String(one)));
    const problem = problemOf(ids, texts);
    if (problem) return call.refuse(problem, "Give it a list of texts, or of integers, each once.", "right");
    const dtype = typeof ids[0] === "string" ? ("string" as const) : ("int64" as const);
    return {
      params: { ids: texts, dtype, name },
      inputs: { input: [row] },
      outputs: [column(name, dtype, { rows: call.id, tags: ["id"] })],
      madeRows: { parent: row.column.rows },
    };
  },
});

function problemOf(ids: readonly unknown[], texts: readonly string[]): string | undefined {
  if (ids.length === 0) return "its list is empty.";
  if (ids.some(one => (typeof one === "string") !== (typeof ids[0] === "string")))
    return "its list has texts and numbers.";
  const twice = texts.find((text, i) => texts.indexOf(text) < i);
  if (twice !== undefined) return `its list has ${twice} twice.`;
  const large =
    typeof ids[0] === "string" ? undefined : texts.find(text => BigInt.asIntN(64, BigInt(text)) !== BigInt(text));
  return large === undefined ? undefined : `${large} is not an int64.`;
}
