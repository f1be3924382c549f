/**
 * A function from columns to a column → a function of SQL. DuckDB hands over chunks; numbers go in and out as whole buffers. For a column
 * that Parquet stores as a dictionary, DuckDB calls it once per distinct value.
 */
import * as duckdb from "@duckdb/node-api";
import type { Vector } from "@duckdb/node-bindings";
import { type DType, datatype } from "../../triton-protos/datatype.js";
import { type Column, rootRows } from "../base/columns/table.js";
import { readPiece } from "./read-columns.js";
import { sqlType } from "./sql/literal.js";
import { writeNumbers } from "./write-numbers.js";

export interface ColumnFunction {
  readonly name: string;
  readonly inputs: readonly DType[];
  readonly output: DType;
  /** Nulls are values to it. */
  run(columns: readonly Column[]): Pick<Column, "values" | "validity">;
}

const TYPES = duckdb as unknown as Readonly<Record<string, duckdb.DuckDBType>>;
export const duckdbType = (dtype: DType): duckdb.DuckDBType => TYPES[sqlType(dtype)]!;

export function registerColumnFunction(
  connection: duckdb.DuckDBConnection,
  { name, inputs, output, run }: ColumnFunction,
): void {
  connection.registerScalarFunction(
    duckdb.DuckDBScalarFunction.create({
      name,
      parameterTypes: inputs.map(duckdbType),
      returnType: duckdbType(output),
      specialHandling: true,
      mainFunction(_info, chunk, vector) {
        const rows = rootRows(chunk.rowCount);
        writeVector(
          vector,
          output,
          rows.count,
          run(inputs.map((dtype, c) => ({ dtype, rows, ...readPiece(chunk, c, dtype) }))),
        );
      },
    }),
  );
}

function writeVector(
  vector: duckdb.DuckDBVector,
  dtype: DType,
  rows: number,
  { values, validity }: Pick<Column, "values" | "validity">,
): void {
  const { kind } = datatype(dtype);
  const isNull = (i: number) => validity?.[i] === 0 || (kind === "float" && Number.isNaN(values[i]));
  if (kind === "string" || kind === "bool") {
    for (let i = 0; i < rows; i++) vector.setItem(i, isNull(i) ? null : kind === "bool" ? values[i] === 1 : values[i]!);
    vector.flush();
    return;
  }
  // The class keeps the native vector to itself.
  const target = (vector as unknown as { readonly vector: Vector }).vector;
  writeNumbers(target, values as Float64Array, 0, rows, validity || kind === "float" ? isNull : undefined);
}
