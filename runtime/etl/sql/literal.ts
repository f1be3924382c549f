/** Names, texts and numbers → their SQL. */
import { quoteName, quoteText } from "../../../formats/sqlite/quote-sql.js";
import { type DType, datatype } from "../../../triton-protos/datatype.js";
import { unsupported } from "../../base/errors.js";

export { quoteName as identifier, quoteText as text };
export const texts = (values: readonly string[]): string => `[${values.map(quoteText).join(", ")}]`;

/** @throws RuntimeFault for the half floats, which DuckDB does not have */
export function sqlType(dtype: DType): string {
  const { duckdb } = datatype(dtype);
  if (duckdb === null) throw unsupported(`a workflow cannot hold ${dtype} columns. Declare the column float32.`);
  return duckdb;
}
