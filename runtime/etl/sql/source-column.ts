/**
 * A declared column and its type in a file → the expression that reads it, or the reason that it cannot be read. Values may widen and are
 * checked when they narrow; they never change their kind silently, but for times, which become numbers. A null list is an empty
 * one, or nulls where the length is fixed; float NaN is NULL.
 */

import type { ColumnSchema } from "../../../contract/schema.js";
import { TICKS_A_DAY, type TimeUnit, timeUnitOf } from "../../../contract/time-unit.js";
import { datatype } from "../../../triton-protos/datatype.js";
import type { Sql } from "./dialect.js";
import { duckdbSql } from "./duckdb-dialect.js";

const INTEGERS = /^U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)$/;
const FLOATS = /^(FLOAT|DOUBLE|DECIMAL\(.*\))$/;

/** `BIGINT`, `FLOAT[]`. Fixed lists are lists here; their length is checked as they are read. */
export const declaredType = (col: ColumnSchema, sql: Sql = duckdbSql): string =>
  col.list ? sql.listType(col.dtype) : sql.type(col.dtype);

/** The type with which a column of CSV or JSON is read: integers as text, since DuckDB itself converts 1.5 to 2. */
export const textType = (col: ColumnSchema): string =>
  isInteger(col) ? (col.list ? "VARCHAR[]" : "VARCHAR") : declaredType(col);

const isInteger = ({ dtype }: ColumnSchema): boolean => ["int", "uint"].includes(datatype(dtype).kind);

/** Why the file's type does not do and what to do about it; undefined where it does. */
export function refuseType(col: ColumnSchema, type: string): string | undefined {
  const item = /^(.*)\[\d*\]$/s.exec(type)?.[1];
  if (col.list && item === undefined) return `Declare it ${col.dtype} without a list, or write lists.`;
  if (!col.list && item !== undefined) return `Declare it \`"list<${col.dtype}>"\`.`;
  const found = item ?? type;
  const { kind } = datatype(col.dtype);
  const whole = INTEGERS.test(found);
  if (isTime(found))
    return col.dtype === "int64"
      ? undefined
      : 'Declare it `"timestamp<ms>"` (or `s`, `us`, `ns`, `d`): an int64 that counts them since 1970.';
  if (timeUnitOf(col) !== undefined && found === "VARCHAR") return undefined;
  if (kind === "string")
    return found === "VARCHAR" || found.startsWith("ENUM") ? undefined : "Declare its real type, or write it as text.";
  if (kind === "bool") return found === "BOOLEAN" ? undefined : "Declare its real type, or write it as BOOLEAN.";
  if (kind === "float") return whole || FLOATS.test(found) ? undefined : "Write it as a number.";
  if (whole) return undefined;
  if (FLOATS.test(found))
    return "Declare it float64, or write it as an integer (pandas turns integers with nulls into floats: use its Int64).";
  return found === "VARCHAR"
    ? 'Write it as an integer, or, if it holds times such as 2024-05-01T12:00:00Z, declare it `"timestamp<ms>"`.'
    : "Write it as an integer.";
}

/** The column in exactly its declared type. @param type what the engine says it is */
export function sourceExpression(col: ColumnSchema, type: string, sql: Sql = duckdbSql): string {
  const declared = declaredType(col, sql);
  const name = sql.identifier(col.name);
  const item = (v: string) => itemExpression(col, type.replace(/\[\d*\]$/, ""), v, sql);
  const isPlain = item("v") === "v";
  const cast = !isPlain
    ? col.list
      ? sql.map(name, item)
      : item(name)
    : type === declared
      ? name
      : `CAST(${name} AS ${declared})`;
  const isFloat = datatype(col.dtype).kind === "float";
  const known = (v: string) => (isFloat ? `CASE WHEN ${sql.isNaN(v)} THEN NULL ELSE ${v} END` : v);
  if (!col.list) return known(cast);
  const { min, max } = col.list;
  const empty = sql.emptyList(col.dtype);
  const isFixed = min === max;
  const filled = `coalesce(${cast}, ${isFixed ? sql.resize(empty, col.dtype, min, "NULL") : empty})`;
  const list = isFixed ? sql.ofLength(filled, col.dtype, min) : filled;
  return isFloat ? sql.map(list, known) : list;
}

/** One value: `v` itself where a cast does. */
function itemExpression(col: ColumnSchema, type: string, v: string, sql: Sql): string {
  if (!isInteger(col)) return v;
  const unit = timeUnitOf(col);
  if (isTime(type)) return timeAsNumber(v, type, unit ?? "ms", sql);
  if (type !== "VARCHAR" && type !== "STRING") return v;
  const time = unit && timeAsNumber(sql.parseTime(v), "TIMESTAMP WITH TIME ZONE", unit, sql);
  const number = `CASE WHEN ${sql.matches(v, "^ *[+-]?[0-9]+([.]0*)? *$")} THEN ${sql.tryCast(v, col.dtype)} ${time ? `ELSE ${time} ` : ""}END`;
  const refused = sql.refuse(v, unit ? "is neither a time nor a whole number" : `is no ${col.dtype}`, col.dtype);
  return `coalesce(${number}, CASE WHEN trim(${v}) <> '' THEN ${refused} END)`;
}

/** DuckDB's and Spark's names. A time of day without a date is none of them. */
const isTime = (type: string): boolean => type === "DATE" || /^TIMESTAMP(_S|_MS|_NS|_NTZ| WITH TIME ZONE)?$/.test(type);

/**
 * Dates and timestamps of files → integers of a unit since 1970, in UTC, rounded down as pandas does.
 * @param type of `value`, as the engine says it
 */
function timeAsNumber(value: string, type: string, unit: TimeUnit, sql: Sql): string {
  const from: TimeUnit = type === "DATE" ? "d" : type === "TIMESTAMP_NS" ? "ns" : "us";
  const ticks = sql.ticks(value, from);
  const [has, wants] = [TICKS_A_DAY[from], TICKS_A_DAY[unit]];
  if (wants >= has) return wants === has ? ticks : `(${ticks} * ${wants / has})`;
  const by = has / wants;
  return sql.divide(`(${ticks} - (${ticks} % ${by} + ${by}) % ${by})`, String(by));
}
