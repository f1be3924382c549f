/**
 * Integer keys of a small range, and values for each → a table whose rows are numbered by a key's distance from the least one. It has rows
 * for null and for missing keys too, so every row of the data matches one, and DuckDB joins by counting.
 */
import { type DType, datatype } from "../../triton-protos/datatype.js";
import { type DenseKeys, denseKeys } from "../base/columns/dense-index.js";
import { gather, rootRows, type Values, widened } from "../base/columns/table.js";
import type { Database } from "./database.js";
import { loadTable, type NamedValues } from "./load-table.js";
import type { LookUp } from "./sql/dialect.js";

/** A value for each key, then one for null and one for a key that is not there; nulls by validity. */
export interface DenseColumn {
  readonly name: string;
  readonly dtype: DType;
  readonly values: Values;
  readonly validity?: Uint8Array;
}

/** DuckDB counts up to a million rows; in a longer table it searches. */
const LONGEST = 1_000_000;

/** Undefined if the keys are not integers or their range is too large. */
export function denseRange(dtype: DType, keys: Values): DenseKeys | undefined {
  const { kind } = datatype(dtype);
  const dense = kind === "int" || kind === "uint" ? denseKeys(keys, LONGEST) : undefined;
  return dense && dense.least + BigInt(dense.span) < 2n ** 62n ? dense : undefined;
}

/** Bytes of a dense table with this number of outputs, and of DuckDB's own table over it. */
export const denseBytes = ({ span }: DenseKeys, outputs: number): number => span * 16 * (1 + outputs);

/** @param outputs each with two values more than there are keys */
export async function loadDense(
  database: Database,
  table: string,
  keys: Values,
  { least, span, distances }: DenseKeys,
  outputs: readonly DenseColumn[],
): Promise<(key: string) => Pick<LookUp, "table" | "keys" | "place">> {
  const [ofNull, unseen] = [keys.length, keys.length + 1];
  const from = new Int32Array(span + 2).fill(unseen);
  const own = distances(keys);
  for (let i = 0; i < own.length; i++) from[own[i]!] = i;
  from[span] = ofNull;
  const rows = rootRows(span + 2);
  const columns = outputs.map(({ name, dtype, values, validity }) => {
    const spread = gather({ dtype, values, ...(validity && { validity }), rows: rootRows(values.length) }, from, rows);
    return { name, ...spread };
  });
  // Each table counts from a number of its own: of two joins with one expression DuckDB makes a third condition, and no longer counts.
  const start = database.tables.size;
  database.tables.add(table);
  const place: NamedValues = { name: "place", dtype: "int64", values: counting(start, rows.count) };
  await loadTable(database, table, [place, ...columns], rows.count);
  const end = least + BigInt(span) - 1n;
  return key => ({
    table,
    keys: [["place", key]],
    place: of =>
      `CASE WHEN ${of} BETWEEN ${least} AND ${end} THEN CAST(${of} AS BIGINT) - ${least - BigInt(start)} WHEN ${of} IS NULL THEN ${start + span} ELSE ${start + span + 1} END`,
  });
}

function counting(from: number, count: number): BigInt64Array {
  const numbers = new Int32Array(count);
  for (let i = 0; i < count; i++) numbers[i] = from + i;
  return widened(numbers);
}
