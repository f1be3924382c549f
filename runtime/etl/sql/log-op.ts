/** `logOp` in SQL. DuckDB's `ln` refuses 0 and below, where the operator gives -Infinity and null. */
import type { SqlForm } from "./sql-form.js";

export const logOp: SqlForm<"logOp"> = (_step, inputs, { sql }) =>
  inputs.map(col => {
    const plusOne = sql.eachAs(
      sql.eachAs(col, "float64", v => `CAST(${v} AS DOUBLE)`),
      "float32",
      v => `(${sql.toFloat32(v)}) + ${sql.constant(1, "float32")}`,
    );
    return sql.each(
      plusOne,
      v =>
        `CASE WHEN ${v} > 0 THEN CAST(ln(CAST(${v} AS DOUBLE)) AS FLOAT) WHEN ${v} = 0 THEN ${sql.constant("-inf", "float32")} END`,
    );
  });
