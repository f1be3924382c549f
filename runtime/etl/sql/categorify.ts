/**
 * `categorify` in SQL. How a place is found is the vocabulary table's business; it never reorders rows, as a join would.
 */
import { hashOf } from "./hash-bucket.js";
import { sqlType } from "./literal.js";
import type { SqlColumn, SqlForm } from "./sql-form.js";

export const categorify: SqlForm<"categorify"> = (step, inputs, context) =>
  inputs.map((col, i) => {
    const { numBuckets, outDtype } = step.params;
    const { name } = step.inputs.input![i]!;
    const id = (v: string, outOfVocabulary: string) =>
      `CAST(CASE WHEN ${v} IS NULL THEN 1 ELSE coalesce(${2 + numBuckets} + CAST(${context.place(step.id, { ...col, name }, v)} AS BIGINT), ${outOfVocabulary}) END AS ${sqlType(outDtype)})`;
    if (numBuckets === 1) return col.list ? `list_transform(${col.sql}, lambda v: ${id("v", "2")})` : id(col.sql, "2");
    const bucket = (hash: string) => `2 + CAST(${hash} % ${numBuckets} AS BIGINT)`;
    return withHash(col, (v, hash) => id(v, bucket(hash)));
  });

/** An expression over a value and its hash; in a list the two walk side by side. */
function withHash(col: SqlColumn, expression: (value: string, hash: string) => string): string {
  const hashes = hashOf(col).sql;
  if (!col.list) return expression(col.sql, hashes);
  return `list_transform(list_zip(${col.sql}, ${hashes}), lambda v: ${expression("v[1]", "v[2]")})`;
}
