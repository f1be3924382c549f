/** Names, texts and numbers → their SQL. */
import { type DType, datatype } from "../../../triton-protos/datatype.js";
import { unsupported } from "../../base/errors.js";

export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;
export const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;
export const texts = (values: readonly string[]): string => `[${values.map(text).join(", ")}]`;

/** @throws RuntimeFault for the half floats, which DuckDB does not have */
export function sqlType(dtype: DType): string {
  const { duckdb } = datatype(dtype);
  if (duckdb === null) throw unsupported(`a workflow cannot hold ${dtype} columns. Declare the column float32.`);
  return duckdb;
}
