/**
 * A statement -> its columns, to be written to a fitted folder: numbers in typed arrays, text packed as Arrow lays it out, without a string
 * of JavaScript's for each value.
 */

import type { DuckDBConnection } from "@duckdb/node-api";
import type { PackedTexts, PrintedColumn } from "../../operators/shared/kernel/fitted-table.js";
import type { DType } from "../../triton-protos/datatype.js";
import type { Engine } from "./engine.js";
import { readAll } from "./read-columns.js";

/** The database that statements run in. */
interface Statements extends Pick<Engine, "run"> {
  readonly connection: DuckDBConnection;
  /** Names of the tables that stay. */
  readonly tables: Set<string>;
}

/** Rows whose texts DuckDB hands over in one piece. */
const PIECE = 100_000;

let tables = 0;

/** @param keep name of a table with columns `c0`, … that the rows stay in; else they are gone afterwards */
export async function readPacked(
  database: Statements,
  sql: string,
  dtypes: readonly DType[],
  doing: string,
  options: { readonly keep?: string; readonly onFraction?: (fraction: number) => void } = {},
): Promise<readonly PrintedColumn[]> {
  const { connection } = database;
  if (options.keep === undefined && !dtypes.includes("string")) return readAll(connection, sql, dtypes);
  const table = options.keep ?? `merlon_read_${tables++}`;
  await database.run(`CREATE OR REPLACE TABLE ${table} AS ${sql}`, doing, options.onFraction);
  const names = dtypes.map((_, i) => `c${i}`);
  const select = names.map((name, i) => (dtypes[i] === "string" ? `strlen(${name})::INTEGER` : name));
  const sizes = dtypes.map(dtype => (dtype === "string" ? "int32" : dtype));
  const columns = await readAll(connection, `SELECT ${select.join(", ")} FROM ${table}`, sizes);
  const packed: PrintedColumn[] = [];
  for (const [i, col] of columns.entries()) {
    if (dtypes[i] !== "string") {
      packed.push(col);
      continue;
    }
    const values = await packTexts(database, table, names[i]!, col.values as Int32Array, doing);
    packed.push({ dtype: "string", values, ...(col.validity && { validity: col.validity }) });
  }
  if (options.keep !== undefined) database.tables.add(table);
  else await database.run(`DROP TABLE ${table}`, doing);
  return packed;
}

async function packTexts(
  { connection }: Pick<Statements, "connection">,
  table: string,
  column: string,
  sizes: Int32Array,
  doing: string,
): Promise<PackedTexts> {
  const offsets = new Int32Array(sizes.length + 1);
  for (let i = 0; i < sizes.length; i++) offsets[i + 1] = offsets[i]! + sizes[i]!;
  const bytes = new Uint8Array(offsets[sizes.length]!);
  const encoder = new TextEncoder();
  let at = 0;
  for (let start = 0; start < sizes.length; start += PIECE) {
    const sql = `SELECT string_agg(${column}, '' ORDER BY rowid) FROM ${table} WHERE rowid >= ${start} AND rowid < ${start + PIECE}`;
    const [piece] = (await connection.runAndReadAll(sql)).getColumns()[0]!;
    if (typeof piece === "string") at += encoder.encodeInto(piece, bytes.subarray(at)).written;
  }
  if (at !== bytes.length) throw new Error(`${doing}: ${at} bytes of text were read and ${bytes.length} counted.`);
  return { offsets, bytes };
}
