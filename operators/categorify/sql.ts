/**
 * `categorify` in SQL. How an id is found is the vocabulary table's business; tuples go through the kernel.
 */
import { encodings } from "../../contract/categorify-columns.js";
import { learntOf } from "../../contract/learnt-columns.js";
import type { Fitted } from "../../contract/plan.js";
import { throughKernel } from "../../runtime/etl/sql/kernel-function.js";
import type { SqlForm } from "../../runtime/etl/sql/sql-form.js";

export const categorify: SqlForm<"categorify"> = (step, inputs, context) => {
  const { params } = step;
  const { sql } = context;
  if (params.encodeType === "combo" || params.nvtabularHash) return throughKernel(step, inputs, context);
  const names = step.inputs.input.map(ref => ref.name);
  return encodings(params, names).map(({ output, numBuckets }, i) => {
    const col = inputs[i]!;
    const named = { ...col, name: output };
    const { nullId, first, known } = idLayout(step, output, numBuckets);
    const typed = (v: string) => `CAST(${v} AS ${sql.type(params.outDtype)})`;
    const bucket = (hash: string) => `${first} + ${sql.modulo(hash, numBuckets)}`;
    if (!col.list) {
      const id = context.id(step.id, named);
      return numBuckets === 1
        ? `coalesce(${id}, ${typed(String(first))})`
        : `coalesce(${id}, ${typed(bucket(sql.hash(col).sql))})`;
    }
    const found = sql.map(context.places(step.id, named), place => `${known} + CAST(${place} AS BIGINT)`);
    const ids =
      numBuckets === 1
        ? sql.map(found, id => `coalesce(${id}, ${first})`)
        : sql.mapPairs(found, sql.hash(col).sql, (id, hash) => `coalesce(${id}, ${bucket(hash)})`);
    return sql.mapPairs(col.sql, ids, (v, id) => typed(`CASE WHEN ${v} IS NULL THEN ${nullId} ELSE ${id} END`));
  });
};

/** Ids of null, of the first bucket outside the vocabulary, and of the vocabulary's first value. */
export function idLayout(
  step: Fitted<"categorify">,
  output: string,
  numBuckets: number,
): { readonly nullId: number; readonly first: number; readonly known: number } {
  const offset = learntOf(step, output).offset ?? 0;
  return { nullId: 1 + offset, first: 2 + offset, known: 2 + numBuckets + offset };
}
