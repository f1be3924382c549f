/**
 * A declared column and the type a file has it in -> the expression that reads it, or why it cannot be read. Values may widen and are
 * checked when they narrow; they never change their kind silently. A null list is an empty
 * one, or nulls where the length is fixed; float NaN is NULL.
 */
import { datatype } from "../../../triton-protos/datatype.js";
import type { ColumnSchema } from "../../../triton-protos/schema.js";
import type { Sql } from "./dialect.js";
import { duckdbSql } from "./duckdb-dialect.js";

const INTEGERS = /^U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)$/;
const FLOATS = /^(FLOAT|DOUBLE|DECIMAL\(.*\))$/;

/** `BIGINT`, `FLOAT[]`. Fixed lists are lists here; their length is checked as they are read. */
export const declaredType = (col: ColumnSchema, sql: Sql = duckdbSql): string =>
  col.list ? sql.listType(col.dtype) : sql.type(col.dtype);

/** Why the file's type does not do and what to do about it; undefined where it does. */
export function refuseType(col: ColumnSchema, type: string): string | undefined {
  const item = /^(.*)\[\d*\]$/s.exec(type)?.[1];
  if (col.list && item === undefined) return `Declare it ${col.dtype} without a list, or write lists.`;
  if (!col.list && item !== undefined) return `Declare it \`"list<${col.dtype}>"\`.`;
  const found = item ?? type;
  const { kind } = datatype(col.dtype);
  const isInteger = INTEGERS.test(found);
  if (kind === "string")
    return found === "VARCHAR" || found.startsWith("ENUM")
      ? undefined
      : "Declare it as what it is, or write it as text.";
  if (kind === "bool") return found === "BOOLEAN" ? undefined : "Declare it as what it is, or write it as BOOLEAN.";
  if (kind === "float") return isInteger || FLOATS.test(found) ? undefined : "Write it as a number.";
  if (isInteger) return undefined;
  if (FLOATS.test(found))
    return "Declare it float64, or write it as an integer (pandas turns integers with nulls into floats: use its Int64).";
  return "Write it as an integer.";
}

/** The column in exactly its declared type. @param type what the engine says it is */
export function sourceExpression(col: ColumnSchema, type: string, sql: Sql = duckdbSql): string {
  const declared = declaredType(col, sql);
  const name = sql.identifier(col.name);
  const cast = type === declared ? name : `CAST(${name} AS ${declared})`;
  const isFloat = datatype(col.dtype).kind === "float";
  const known = (v: string) => (isFloat ? `CASE WHEN NOT ${sql.isNaN(v)} THEN ${v} END` : v);
  if (!col.list) return known(cast);
  const { min, max } = col.list;
  const empty = sql.emptyList(col.dtype);
  const isFixed = min === max;
  const filled = `coalesce(${cast}, ${isFixed ? sql.resize(empty, col.dtype, min, "NULL") : empty})`;
  const list = isFixed ? sql.ofLength(filled, col.dtype, min) : filled;
  return isFloat ? sql.map(list, known) : list;
}
