/** `logOp` in SQL. DuckDB's `ln` refuses 0 and below, where the operator gives -Infinity and null. */
import { each, eachAs, type SqlForm, toFloat32 } from "./sql-form.js";

export const logOp: SqlForm<"logOp"> = (_step, inputs) =>
  inputs.map(col => {
    const plusOne = eachAs(
      eachAs(col, "float64", v => `CAST(${v} AS DOUBLE)`),
      "float32",
      v => `(${toFloat32(v)}) + 1::FLOAT`,
    );
    return each(
      plusOne,
      v => `CASE WHEN ${v} > 0 THEN CAST(ln(CAST(${v} AS DOUBLE)) AS FLOAT) WHEN ${v} = 0 THEN '-inf'::FLOAT END`,
    );
  });
