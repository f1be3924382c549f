/** `logOp` in SQL. DuckDB's `ln` refuses 0 and below, where the operator gives -Infinity and null. */

import type { Sql } from "../../runtime/etl/sql/dialect.js";
import type { SqlForm } from "../../runtime/etl/sql/sql-form.js";
import { datatype } from "../../triton-protos/datatype.js";

export const logOp: SqlForm<"logOp"> = (_step, inputs, { sql }) =>
  inputs.map(col => {
    const { kind, bytes } = datatype(col.dtype);
    if (kind === "int") return sql.each(col, v => ofInteger(sql, v, bytes));
    if (col.dtype === "float32") return sql.each(col, v => ofFloat32(sql, v));
    const double = sql.eachAs(col, "float64", v => `CAST(${v} AS DOUBLE)`);
    return sql.each(double, v => ofFloat64(sql, v));
  });

/** The value decides, not 1 + value: an engine computes an expression once for each place it has in a CASE. */
function ofFloat32(sql: Sql, value: string): string {
  const minusOne = sql.constant(-1, "float32");
  return branches(sql, `${value} <= ${minusOne}`, `${value} + ${sql.constant(1, "float32")}`, `${value} = ${minusOne}`);
}

/** float64 between these two, or one of them, is -1 in float32: halfway to its neighbors there, whose last bits are odd. */
const [LEAST_MINUS_ONE, MOST_MINUS_ONE] = [-1 - 2 ** -24, -1 + 2 ** -25];

function ofFloat64(sql: Sql, value: string): string {
  const plusOne = `(${sql.toFloat32(value)}) + ${sql.constant(1, "float32")}`;
  const [least, most] = [LEAST_MINUS_ONE, MOST_MINUS_ONE].map(bound => sql.constant(bound, "float64"));
  return branches(sql, `${value} <= ${most}`, plusOne, `${value} >= ${least}`);
}

/**
 * An engine computes a whole chunk at once if none of its rows takes the first branch; a null takes none.
 * @param isBelow whether `plusOne`, a float32, is not positive @param isZero whether it is 0, where it is not positive
 */
const branches = (sql: Sql, isBelow: string, plusOne: string, isZero: string): string =>
  `CASE WHEN ${isBelow} THEN CASE WHEN ${isZero} THEN ${sql.constant("-inf", "float32")} END ELSE CAST(ln(CAST(${plusOne} AS DOUBLE)) AS FLOAT) END`;

/**
 * Every integer has a float32 near it, and its own sign decides. The kernel rounds 64 bits twice. A narrower integer is a float64 already,
 * so one cast rounds it to the same float32, in less time.
 */
function ofInteger(sql: Sql, value: string, bytes: number): string {
  const double = bytes > 4 ? `CAST(${value} AS DOUBLE)` : value;
  const plusOne = `CAST(${double} AS FLOAT) + ${sql.constant(1, "float32")}`;
  return branches(sql, `${value} <= -1`, plusOne, `${value} = -1`);
}
