/**
 * The differences between the engines of our statements. Everything else in them is SQL that DuckDB and Spark read alike. Casts are written
 * `CAST(x AS T)`, keys are compared with `IS NOT DISTINCT FROM`, numbers are constants of a dtype.
 */

import type { TimeUnit } from "../../../contract/time-unit.js";
import type { DType } from "../../../triton-protos/datatype.js";
import { text } from "./literal.js";
import type { SqlColumn } from "./sql-column.js";

export interface Dialect {
  readonly engine: "duckdb" | "spark";
  identifier(name: string): string;
  /** Begins a statement that gives a query a name. */
  view(name: string): string;
  /** The engine's type of a dtype. @throws RuntimeFault where it has none */
  type(dtype: DType): string;
  listType(dtype: DType): string;
  /** A list with an expression of each item. */
  map(list: string, item: (value: string) => string): string;
  /** The same of two lists of equal length, side by side. */
  mapPairs(a: string, b: string, item: (a: string, b: string) => string): string;
  emptyList(dtype: DType): string;
  struct(fields: Readonly<Record<string, string>>): string;
  length(list: string): string;
  /** The first item (1) or the last (-1) of a list that has one. */
  element(list: string, place: 1 | -1): string;
  /** Items from place `from` up to place `to`, both counted from 0 and inside the list. */
  part(list: string, from: string, to: string): string;
  /** The list cut or filled to a length. */
  resize(list: string, dtype: DType, length: number, fill: string): string;
  /** The list, or an error where it has another length. */
  ofLength(list: string, dtype: DType, length: number): string;
  /** In `SELECT`: a row for each item. */
  items(list: string): string;
  isInfinite(value: string): string;
  isNaN(value: string): string;
  /** The mean of integers: their sum is exact. */
  mean(integers: string): string;
  meanOfFloats(values: string): string;
  /** For floats the mean of the middle two, for others the lower of them. */
  median(values: string, isFloat: boolean): string;
  readonly inOrder: AggregatesInOrder;
  /** A date (`d`) or a timestamp as a whole number of days, of micro- or of nanoseconds since 1970. */
  ticks(time: string, unit: Extract<TimeUnit, "d" | "us" | "ns">): string;
  /** Text as an ISO 8601 time → a timestamp, in UTC unless it has an offset; NULL for other text. */
  parseTime(text: string): string;
  /** For integers, which must divide evenly. */
  divide(a: string, b: string): string;
  /** NULL for a value that does not convert. */
  tryCast(value: string, dtype: DType): string;
  matches(text: string, pattern: string): string;
  /** An error that shows a value, which no column of numbers takes, and says why. */
  refuse(value: string, why: string, dtype: DType): string;
  /** Length in characters. */
  characters(text: string): string;
  xor(a: string, b: string): string;
  /** pandas' 64-bit hash of a column's values; never NULL. */
  hash(column: SqlColumn): SqlColumn;
  /** A hash, taken as unsigned, modulo a number up to 2^31 - 1; a 64-bit integer. */
  modulo(hash: string, by: number): string;
  /** A relation and expressions that look rows of other tables up → the relation with them as columns. */
  lookUp(below: string, finds: readonly LookUp[]): string;
}

/** The row of a table, of which there is at most one, whose keys are those of the row at hand. */
export interface LookUp {
  readonly alias: string;
  readonly table: string;
  readonly keys: readonly (readonly [column: string, expression: string])[];
  /** One column of it, or all of these as a struct. */
  readonly take: string | readonly string[];
  /** Makes of the key at hand, of which there is one, that of the table, which then has a row for each. */
  readonly place?: (key: string) => string;
}

/**
 * Aggregates of a group's values in a given order, so that sums of floats are reproducible. A list has nulls as items; all others,
 * of float64, leave them out, and of no values are NULL, the sum 0.
 */
export interface AggregatesInOrder {
  list(value: string, order: readonly SortKey[]): string;
  sum(value: string, order: readonly SortKey[]): string;
  mean(value: string, order: readonly SortKey[]): string;
  /** By Welford's recurrence, with ddof 1; NULL of one value, too. */
  variance(value: string, order: readonly SortKey[]): string;
}

/** NULL is last in either direction. */
export interface SortKey {
  readonly sql: string;
  readonly descending?: boolean;
}

/** A constant of a dtype: `CAST('0.1' AS FLOAT)`. */
export const constantOf = (dialect: Pick<Dialect, "type">, value: number | bigint | string, dtype: DType): string =>
  `CAST(${text(Object.is(value, -0) ? "-0.0" : String(value))} AS ${dialect.type(dtype)})`;

/** The SQL writer of operators' forms. */
export interface Sql extends Dialect {
  constant(value: number | bigint | string, dtype: DType): string;
  /** Applies an expression to each value: to the column itself, or, in a list, to every item. */
  each(col: SqlColumn, expression: (value: string) => string): string;
  /** The same, as a column of another dtype that further expressions read. */
  eachAs(col: SqlColumn, dtype: DType, expression: (value: string) => string): SqlColumn;
  /** float64 → float32 with the rounding of typed arrays: values beyond the largest float32 are infinity, not an error. */
  toFloat32(value: string): string;
}

export function sqlIn(dialect: Dialect): Sql {
  const constant: Sql["constant"] = (value, dtype) => constantOf(dialect, value, dtype);
  const each: Sql["each"] = (col, expression) => (col.list ? dialect.map(col.sql, expression) : expression(col.sql));
  const float = (value: string) => constant(value, "float32");
  return {
    ...dialect,
    constant,
    each,
    eachAs: ({ dictionary: _, range: __, ...col }, dtype, expression) => ({
      ...col,
      dtype,
      sql: each(col, expression),
    }),
    toFloat32: value =>
      `CASE WHEN abs(${value}) >= ${constant("3.4028235677973366e38", "float64")} THEN CASE WHEN ${value} > 0 THEN ${float("inf")} ELSE ${float("-inf")} END ELSE CAST(${value} AS FLOAT) END`,
  };
}
