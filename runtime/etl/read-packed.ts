/**
 * A statement → its columns, for a fitted folder: numbers in typed arrays, text packed in Arrow's layout, without a JavaScript string for
 * each value.
 */

import type { DuckDBConnection, DuckDBDataChunk } from "@duckdb/node-api";
import type { PrintedColumn } from "../../operators/shared/kernel/fitted-table.js";
import type { DType } from "../../triton-protos/datatype.js";
import { allocate } from "../base/columns/table.js";
import type { Engine } from "./engine.js";
import { textPacker } from "./pack-texts.js";
import { readAll, readPiece, readValidity } from "./read-columns.js";

/** The database that statements run in. */
interface Statements extends Pick<Engine, "run"> {
  readonly connection: DuckDBConnection;
  /** Names of the tables that stay. */
  readonly tables: Set<string>;
}

let tables = 0;

/** @param keep name of a table with columns `c0`, … that keeps the rows; otherwise they are dropped */
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
  const columns = await readTable(connection, table, dtypes);
  if (options.keep !== undefined) database.tables.add(table);
  else await database.run(`DROP TABLE ${table}`, doing);
  return columns;
}

/** The rows are counted first: columns are made in one piece. Memory beside V8's heap makes it collect all of that. */
async function readTable(
  connection: DuckDBConnection,
  table: string,
  dtypes: readonly DType[],
): Promise<readonly PrintedColumn[]> {
  const [[count]] = (await connection.runAndReadAll(`SELECT count(*)::INTEGER FROM ${table}`)).getRows() as [[number]];
  const readers = dtypes.map(dtype => (dtype === "string" ? textReader(count) : numberReader(dtype, count)));
  const result = await connection.stream(`SELECT ${dtypes.map((_, i) => `c${i}`).join(", ")} FROM ${table}`);
  for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk())
    for (const [c, reader] of readers.entries()) reader.take(chunk, c);
  return readers.map(reader => reader.finish());
}

interface ColumnReader {
  take(chunk: DuckDBDataChunk, c: number): void;
  finish(): PrintedColumn;
}

function textReader(count: number): ColumnReader {
  const packer = textPacker(count);
  const known = validityReader(count);
  return {
    take(chunk, c) {
      packer.take(chunk, c, known.take(readValidity(chunk, c), chunk.rowCount));
    },
    finish: () => ({ dtype: "string", values: packer.finish(), ...known.finish() }),
  };
}

function numberReader(dtype: DType, count: number): ColumnReader {
  const values = allocate(dtype, count) as Float64Array;
  const known = validityReader(count);
  let at = 0;
  return {
    take(chunk, c) {
      const piece = readPiece(chunk, c, dtype);
      values.set(piece.values as Float64Array, at);
      known.take(piece.validity, piece.values.length);
      at += piece.values.length;
    },
    finish: () => ({ dtype, values, ...known.finish() }),
  };
}

/** The validity of a column, absent while nothing is null. */
function validityReader(count: number) {
  let validity: Uint8Array | undefined;
  let at = 0;
  return {
    take(piece: Uint8Array | undefined, rows: number): Uint8Array | undefined {
      if (piece) {
        validity ??= new Uint8Array(count).fill(1);
        validity.set(piece, at);
      }
      at += rows;
      return piece;
    },
    finish: () => validity && { validity },
  };
}
