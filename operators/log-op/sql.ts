/** `logOp` in SQL. DuckDB's `ln` refuses 0 and below, where the operator gives -Infinity and null. */

import type { Sql } from "../../runtime/etl/sql/dialect.js";
import type { SqlForm } from "../../runtime/etl/sql/sql-form.js";
import { datatype } from "../../triton-protos/datatype.js";

export const logOp: SqlForm<"logOp"> = (_step, inputs, { sql }) =>
  inputs.map(col => {
    const { kind, bytes } = datatype(col.dtype);
    const { least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY } = col.range ?? {};
    if (kind === "int") return sql.each(col, v => ofInteger(sql, v, bytes, least >= 0));
    if (col.dtype === "float32") return sql.each(col, v => ofFloat32(sql, v, least > -1));
    const double = sql.eachAs(col, "float64", v => `CAST(${v} AS DOUBLE)`);
    return sql.each(double, v => ofFloat64(sql, v, least > MOST_MINUS_ONE && most < Number(INFINITE)));
  });

/** The value decides, not 1 + value: an engine computes an expression once for each place it has in a CASE. */
function ofFloat32(sql: Sql, value: string, isPlain: boolean): string {
  const minusOne = sql.constant(-1, "float32");
  return branches(sql, value, `${value} + ${sql.constant(1, "float32")}`, { isPlain, least: minusOne, most: minusOne });
}

/** float64 between these two, or one of them, is -1 in float32: halfway to its neighbors there, whose last bits are odd. */
const [LEAST_MINUS_ONE, MOST_MINUS_ONE] = [-1 - 2 ** -24, -1 + 2 ** -25];
/** From here on, a float64 is infinite in float32: see `toFloat32`. */
const INFINITE = "3.4028235677973366e38";

function ofFloat64(sql: Sql, value: string, isPlain: boolean): string {
  const [least, most] = [LEAST_MINUS_ONE, MOST_MINUS_ONE].map(bound => sql.constant(bound, "float64"));
  return branches(sql, value, `CAST(${value} AS FLOAT) + ${sql.constant(1, "float32")}`, {
    isPlain,
    least: least!,
    most: most!,
    infinite: sql.constant(INFINITE, "float64"),
  });
}

/**
 * An engine computes a whole chunk at once if none of its rows takes the first branch; a null takes none.
 * @param plusOne a float32, that of no odd value is computed
 * @param isPlain the column's range leaves no odd value
 * @param odd values from `least` to `most` are -1, lower ones have no logarithm, and from `infinite` on it is infinite
 */
function branches(
  sql: Sql,
  value: string,
  plusOne: string,
  {
    isPlain,
    least,
    most,
    infinite,
  }: { readonly isPlain: boolean; readonly least: string; readonly most: string; readonly infinite?: string },
): string {
  const log = `CAST(ln(CAST(${plusOne} AS DOUBLE)) AS FLOAT)`;
  if (isPlain) return log;
  const isLarge = infinite === undefined ? "" : `${value} >= ${infinite}`;
  const isOdd = `${value} <= ${most}${isLarge && ` OR ${isLarge}`}`;
  const large = isLarge && `WHEN ${isLarge} THEN ${sql.constant("inf", "float32")} `;
  const ofOdd = `CASE ${large}WHEN ${value} >= ${least} THEN ${sql.constant("-inf", "float32")} END`;
  return `CASE WHEN ${isOdd} THEN ${ofOdd} ELSE ${log} END`;
}

/**
 * Every integer has a float32 near it, and its own sign decides. The kernel rounds 64 bits twice. A narrower integer is a float64 already,
 * so one cast rounds it to the same float32, in less time.
 */
function ofInteger(sql: Sql, value: string, bytes: number, isPlain: boolean): string {
  const double = bytes > 4 ? `CAST(${value} AS DOUBLE)` : value;
  const plusOne = `CAST(${double} AS FLOAT) + ${sql.constant(1, "float32")}`;
  return branches(sql, value, plusOne, { isPlain, least: "-1", most: "-1" });
}
