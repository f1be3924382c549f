/**
 * `categorify` in SQL. The vocabulary is an enum type with its values, as text, in id order: a cast finds the place by hash and keeps
 * the rows in order, which a join would not.
 */
import { type DType, datatype } from "../../../triton-protos/datatype.js";
import { hashOf } from "./hash-bucket.js";
import { sqlType } from "./literal.js";
import type { SqlColumn, SqlForm } from "./sql-form.js";

export const categorify: SqlForm<"categorify"> = (step, inputs, context) =>
  inputs.map((col, i) => {
    const { numBuckets, outDtype } = step.params;
    const type = context.vocabularyType(step.id, step.inputs.input![i]!.name);
    const id = (v: string, outOfVocabulary: string) =>
      `CAST(CASE WHEN ${v} IS NULL THEN 1 ELSE coalesce(${2 + numBuckets} + CAST(enum_code(TRY_CAST(${key(v, col.dtype)} AS ${type})) AS BIGINT), ${outOfVocabulary}) END AS ${sqlType(outDtype)})`;
    if (numBuckets === 1) return col.list ? `list_transform(${col.sql}, lambda v: ${id("v", "2")})` : id(col.sql, "2");
    const bucket = (hash: string) => `2 + CAST(${hash} % ${numBuckets} AS BIGINT)`;
    return withHash(col, (v, hash) => id(v, bucket(hash)));
  });

/** A value as text, one text for equal values: -0 is 0. */
export const key = (value: string, dtype: DType): string => {
  if (datatype(dtype).kind === "string") return value;
  return datatype(dtype).kind === "float" ? `CAST(${value} + 0 AS VARCHAR)` : `CAST(${value} AS VARCHAR)`;
};

/** An expression over a value and its hash; in a list the two walk side by side. */
function withHash(col: SqlColumn, expression: (value: string, hash: string) => string): string {
  const hashes = hashOf(col).sql;
  if (!col.list) return expression(col.sql, hashes);
  return `list_transform(list_zip(${col.sql}, ${hashes}), lambda v: ${expression("v[1]", "v[2]")})`;
}
