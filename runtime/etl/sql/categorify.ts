/**
 * `categorify` in SQL. How a place is found is the vocabulary table's business; tuples go through the kernel.
 */
import { encodings } from "../../../triton-protos/categorify-columns.js";
import { hashOf } from "./hash-bucket.js";
import { throughKernel } from "./kernel-function.js";
import { sqlType } from "./literal.js";
import type { SqlColumn, SqlForm } from "./sql-form.js";

export const categorify: SqlForm<"categorify"> = (step, inputs, context) => {
  const { params, state } = step;
  if (params.encodeType === "combo" || params.nvtabularHash) return throughKernel(step, inputs, context);
  const names = step.inputs.input!.map(ref => ref.name);
  return encodings(params, names).map(({ output, numBuckets }, i) => {
    const col = inputs[i]!;
    const offset = state?.columns[output]?.offset ?? 0;
    const id = (v: string, outOfVocabulary: string) =>
      `CAST(CASE WHEN ${v} IS NULL THEN ${1 + offset} ELSE coalesce(${2 + numBuckets + offset} + CAST(${context.place(step.id, { ...col, name: output }, v)} AS BIGINT), ${outOfVocabulary}) END AS ${sqlType(params.outDtype)})`;
    const first = String(2 + offset);
    if (numBuckets === 1)
      return col.list ? `list_transform(${col.sql}, lambda v: ${id("v", first)})` : id(col.sql, first);
    return withHash(col, (v, hash) => id(v, `${first} + CAST(${hash} % ${numBuckets} AS BIGINT)`));
  });
};

/** An expression over a value and its hash; in a list the two walk side by side. */
function withHash(col: SqlColumn, expression: (value: string, hash: string) => string): string {
  const hashes = hashOf(col).sql;
  if (!col.list) return expression(col.sql, hashes);
  return `list_transform(list_zip(${col.sql}, ${hashes}), lambda v: ${expression("v[1]", "v[2]")})`;
}
