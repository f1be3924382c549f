/**
 * Expressions as functions of a connection. DuckDB passes chunks of rows, and the kernel's own loops run on them, so that offline and
 * online cannot differ.
 */
import { createHash } from "node:crypto";
import * as duckdb from "@duckdb/node-api";
import { columnsOf, type Expression, exactColumnsOf } from "../../../contract/expression.js";
import type { ValueType } from "../../../contract/expression-functions.js";
import { isListType, valueTypeOf } from "../../../contract/expression-type.js";
import type { AnyStep } from "../../../contract/plan.js";
import { expressionsIn } from "../../../contract/step-facts.js";
import { type DType, datatype } from "../../../triton-protos/datatype.js";
import { rootRows } from "../../base/columns/table.js";
import { compileExpression } from "../../engine/expression/compile-expression.js";
import { fromValues, toColumn } from "../../engine/expression/vector.js";
import type { Vector } from "../../engine/expression/vector-kinds.js";
import type { Dialect } from "./dialect.js";
import { sqlType } from "./literal.js";
import type { SqlColumn } from "./sql-column.js";

/** A function: an expression, and its input columns, by their names in it. */
export interface ExpressionCall {
  readonly name: string;
  readonly expression: Expression;
  readonly inputs: readonly (readonly [name: string, column: SqlColumn])[];
  readonly dtype: DType;
}

/** The expressions of a step, one for each function it needs. */
export function expressionsOf(step: AnyStep, columns: readonly SqlColumn[]): readonly ExpressionCall[] {
  const given = step.inputs.input.map((ref, i) => [ref.name, columns[i]!] as const);
  const call = (expression: Expression, dtype: DType): ExpressionCall => {
    const read = columnsOf(expression);
    const asked = given.filter(([name]) => read.has(name));
    // A constant has a row for each row of something.
    const inputs = asked.length > 0 ? asked : given.slice(0, 1);
    return { name: nameOf({ expression, inputs, dtype }), expression, inputs, dtype };
  };
  return expressionsIn(step).map(([expression, dtype]) => call(expression, dtype));
}

/** The calls of a step in SQL, in the order of its outputs; a filter has one, its condition. */
export const expressionCalls = (step: AnyStep, columns: readonly SqlColumn[], dialect: Dialect): readonly string[] =>
  expressionsOf(step, columns).map(call => {
    const digits = dialect.engine === "spark" ? digitColumns(call) : new Set<string>();
    const args = call.inputs.map(([name, { sql, list }]) =>
      digits.has(name) ? `CAST(${sql} AS ${list ? dialect.listType("string") : dialect.type("string")})` : sql,
    );
    return `${call.name}(${args.join(", ")})`;
  });

/** Columns that Spark's workers are given as digits: pandas has doubles of 64-bit integers with nulls among them. */
export function digitColumns({ expression, inputs }: ExpressionCall): ReadonlySet<string> {
  const exact = exactColumnsOf(expression);
  return new Set(inputs.filter(([name, { dtype }]) => dtype === "int64" && exact.has(name)).map(([name]) => name));
}

const registered = new WeakMap<duckdb.DuckDBConnection, Set<string>>();

/** Makes the functions that `expressionCalls` names. */
export function registerExpressions(
  connection: duckdb.DuckDBConnection,
  step: AnyStep,
  columns: readonly SqlColumn[],
): void {
  const known = registered.get(connection) ?? new Set();
  registered.set(connection, known);
  for (const call of expressionsOf(step, columns)) {
    if (known.has(call.name)) continue;
    known.add(call.name);
    connection.registerScalarFunction(scalarFunction(call, `step \`${step.id}\` (${step.op})`));
  }
}

const nameOf = ({ expression, inputs, dtype }: Omit<ExpressionCall, "name">): string => {
  const key = JSON.stringify([expression, inputs.map(([name, col]) => [name, col.dtype, !!col.list]), dtype]);
  return `merlon_${createHash("sha1").update(key).digest("hex").slice(0, 16)}`;
};

const TYPES = duckdb as unknown as Readonly<Record<string, duckdb.DuckDBType>>;
const duckdbType = ({ dtype, list }: Pick<SqlColumn, "dtype" | "list">): duckdb.DuckDBType => {
  const item = TYPES[sqlType(dtype)]!;
  return list ? duckdb.LIST(item) : item;
};

function scalarFunction(
  { name, expression, inputs, dtype }: ExpressionCall,
  what: string,
): duckdb.DuckDBScalarFunction {
  const types = new Map<string, ValueType>(inputs.map(([column, type]) => [column, valueTypeOf(type)!]));
  const compiled = compileExpression(expression, types, what);
  const { kind, bytes } = datatype(dtype);
  const wide = bytes === 8 && kind !== "float";
  return duckdb.DuckDBScalarFunction.create({
    name,
    parameterTypes: inputs.map(([, type]) => duckdbType(type)),
    returnType: duckdbType({ dtype }),
    // A null is a value to the function.
    specialHandling: true,
    mainFunction(_info, chunk, output) {
      const rows = chunk.rowCount;
      const vectors = new Map(
        inputs.map(([column], i) => [column, readVector(types.get(column)!, chunk.getColumnVector(i), rows)]),
      );
      const { values, validity } = toColumn(compiled.run(vectors, rows), dtype, rootRows(rows));
      for (let i = 0; i < rows; i++) {
        const value = values[i]!;
        const isNull = validity ? validity[i] === 0 : typeof value === "number" && Number.isNaN(value);
        output.setItem(i, isNull ? null : kind === "bool" ? value === 1 : wide ? BigInt(value) : value);
      }
      output.flush();
    },
  });
}

function readVector(type: ValueType, vector: duckdb.DuckDBVector, rows: number): Vector {
  const isInteger = type === "integer" || type === "integers";
  const plain = (value: duckdb.DuckDBValue): number | bigint | string | boolean | undefined =>
    value === null
      ? undefined
      : typeof value === "bigint" && !isInteger
        ? Number(value)
        : (value as number | bigint | string | boolean);
  return fromValues(type, rows, row => {
    const item = vector.getItem(row);
    if (isListType(type)) {
      // A null list is an empty one, as everywhere.
      const items = item instanceof duckdb.DuckDBListValue ? item.items : [];
      return items.map(plain as (v: duckdb.DuckDBValue) => number);
    }
    return plain(item);
  });
}
