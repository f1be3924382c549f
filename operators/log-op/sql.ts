/** `logOp` in SQL. DuckDB's `ln` refuses 0 and below, where the operator gives -Infinity and null. */

import type { Sql } from "../../runtime/etl/sql/dialect.js";
import type { SqlForm } from "../../runtime/etl/sql/sql-form.js";
import { datatype } from "../../triton-protos/datatype.js";

export const logOp: SqlForm<"logOp"> = (_step, inputs, { sql }) =>
  inputs.map(col => {
    if (datatype(col.dtype).kind === "int") return sql.each(col, v => ofInteger(sql, v));
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

/** Every integer has a float32 near it, and its own sign decides. An engine computes an expression once for each place it has in a CASE. */
function ofInteger(sql: Sql, value: string): string {
  const plusOne = `CAST(CAST(${value} AS DOUBLE) AS FLOAT) + ${sql.constant(1, "float32")}`;
  return `CASE WHEN ${value} > -1 THEN CAST(ln(CAST(${plusOne} AS DOUBLE)) AS FLOAT) WHEN ${value} = -1 THEN ${sql.constant("-inf", "float32")} END`;
}
