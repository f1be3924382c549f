/** Columns over typed arrays → a table of DuckDB with the same rows in the same order. */
import { DuckDBDataChunk } from "@duckdb/node-api";
import bindings from "@duckdb/node-bindings";
import { type DType, datatype } from "../../triton-protos/datatype.js";
import type { Values } from "../base/columns/table.js";
import type { Database } from "./database.js";
import { sqlType } from "./sql/literal.js";
import { writeNumbers } from "./write-numbers.js";

export interface NamedValues {
  /** A plain SQL name. */
  readonly name: string;
  readonly dtype: DType;
  readonly values: Values;
  readonly validity?: Uint8Array;
}

const CHUNK = 2048;
/** This number of texts is passed as one and split by DuckDB: value by value is four times slower. */
const TOGETHER = 50_000;
/** Between them; a text that has it in it sends the table the slow way. */
const SEPARATOR = "\u0001";

export async function loadTable(
  database: Database,
  table: string,
  columns: readonly NamedValues[],
  rows: number,
): Promise<void> {
  const doing = "loading a fitted table";
  await database.run(
    `CREATE OR REPLACE TABLE ${table} (${columns.map(({ name, dtype }) => `${name} ${sqlType(dtype)}`).join(", ")})`,
    doing,
  );
  const [only] = columns;
  if (columns.length === 1 && only!.dtype === "string" && !only!.validity)
    if (await loadTexts(database, table, only!.values as readonly string[])) return;
  const appender = await database.connection.createAppender(table);
  const types = columns.map((_, c) => appender.columnType(c));
  for (let start = 0; start < rows; start += CHUNK) {
    const count = Math.min(CHUNK, rows - start);
    const chunk = DuckDBDataChunk.create(types, count);
    for (const [c, column] of columns.entries()) writePiece(chunk, c, column, start, count);
    appender.appendDataChunk(chunk);
  }
  appender.closeSync();
}

async function loadTexts({ connection }: Database, table: string, values: readonly string[]): Promise<boolean> {
  const pieces: string[] = [];
  for (let start = 0; start < values.length; start += TOGETHER) {
    const piece = values.slice(start, start + TOGETHER);
    if (piece.some(text => text.includes(SEPARATOR))) return false;
    pieces.push(piece.join(SEPARATOR));
  }
  for (const piece of pieces)
    await connection.run(`INSERT INTO ${table} SELECT unnest(string_split($1, '${SEPARATOR}'))`, [piece]);
  return true;
}

function writePiece(
  chunk: DuckDBDataChunk,
  c: number,
  { dtype, values, validity }: NamedValues,
  start: number,
  count: number,
): void {
  const isBool = datatype(dtype).kind === "bool";
  if (!Array.isArray(values) && !isBool) {
    const vector = bindings.data_chunk_get_vector(chunk.chunk, c);
    writeNumbers(vector, values as Float64Array, start, count, validity && (i => validity[i] === 0));
    return;
  }
  const cells = Array.from({ length: count }, (_, i) => {
    if (validity?.[start + i] === 0) return null;
    const value = values[start + i]!;
    return isBool ? value === 1 : value;
  });
  chunk.setColumnValues(c, cells);
}
