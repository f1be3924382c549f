/**
 * A statement → its columns, for a fitted folder: numbers in typed arrays, text packed in Arrow's layout, without a JavaScript string for
 * each value.
 */

import type { DuckDBConnection, DuckDBDataChunk } from "@duckdb/node-api";
import type { PrintedColumn } from "../../operators/shared/kernel/fitted-table.js";
import type { DType } from "../../triton-protos/datatype.js";
import { allocate } from "../base/columns/table.js";
import type { Engine, OnFraction, PackedOptions } from "./engine.js";
import { growing } from "./growing-values.js";
import { textPacker } from "./pack-texts.js";
import { readPiece, readValidity } from "./read-columns.js";

/** The database that statements run in. */
interface Statements extends Pick<Engine, "run"> {
  readonly connection: DuckDBConnection;
  /** Names of the tables that stay. */
  readonly tables: Set<string>;
  /** Runs work of the connection with its progress and its errors explained. */
  watch<T>(doing: string, onFraction: OnFraction | undefined, work: () => Promise<T>): Promise<T>;
}

/**
 * Rows that are read once are streamed. A table of them would take memory and a twentieth of the statement's time.
 */
export async function readPacked(
  database: Statements,
  sql: string,
  dtypes: readonly DType[],
  doing: string,
  { keep, atMost = Number.POSITIVE_INFINITY, onFraction }: PackedOptions = {},
): Promise<readonly PrintedColumn[]> {
  const read = atMost <= FEW ? readWhole : readStream;
  if (keep === undefined) return database.watch(doing, onFraction, () => read(database.connection, sql, dtypes));
  await database.run(`CREATE OR REPLACE TABLE ${keep} AS ${sql}`, doing, onFraction);
  database.tables.add(keep);
  const select = `SELECT ${dtypes.map((_, i) => `c${i}`).join(", ")} FROM ${keep}`;
  return database.watch(doing, undefined, () => read(database.connection, select, dtypes));
}

/** Rows that may be in memory twice. A stream takes a millisecond more: its statement is planned twice. */
const FEW = 2 ** 22;

async function readWhole(
  connection: DuckDBConnection,
  sql: string,
  dtypes: readonly DType[],
): Promise<readonly PrintedColumn[]> {
  const result = await connection.run(sql);
  const readers = readersOf(dtypes, result.rowCount);
  for (let i = 0; i < result.chunkCount; i++) {
    const chunk = result.getChunk(i);
    for (const [c, reader] of readers.entries()) reader.take(chunk, c);
  }
  return readers.map(reader => reader.finish());
}

async function readStream(
  connection: DuckDBConnection,
  sql: string,
  dtypes: readonly DType[],
): Promise<readonly PrintedColumn[]> {
  const readers = readersOf(dtypes);
  const result = await connection.stream(sql);
  for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk())
    for (const [c, reader] of readers.entries()) reader.take(chunk, c);
  return readers.map(reader => reader.finish());
}

interface ColumnReader {
  take(chunk: DuckDBDataChunk, c: number): void;
  finish(): PrintedColumn;
}

/** @param rows all that will be read, if their number is known */
const readersOf = (dtypes: readonly DType[], rows = 0): readonly ColumnReader[] =>
  dtypes.map(dtype => (dtype === "string" ? textReader(rows) : numberReader(dtype, rows)));

function textReader(rows: number): ColumnReader {
  const packer = textPacker(rows);
  const known = validityReader();
  return {
    take(chunk, c) {
      packer.take(chunk, c, known.take(readValidity(chunk, c), chunk.rowCount));
    },
    finish: () => ({ dtype: "string", values: packer.finish(), ...known.finish() }),
  };
}

function numberReader(dtype: DType, rows: number): ColumnReader {
  const values = growing(count => allocate(dtype, count) as Float64Array);
  values.reserve(rows);
  const known = validityReader();
  return {
    take(chunk, c) {
      const piece = readPiece(chunk, c, dtype);
      values.add(piece.values as Float64Array);
      known.take(piece.validity, piece.values.length);
    },
    finish: () => ({ dtype, values: values.all(), ...known.finish() }),
  };
}

/** The validity of a column, absent while nothing is null. */
function validityReader() {
  const pieces = growing<Uint8Array>(count => new Uint8Array(count));
  let rows = 0;
  let anyNull = false;
  return {
    take(piece: Uint8Array | undefined, count: number): Uint8Array | undefined {
      rows += count;
      // Rows before the first null, and those of chunks without one.
      if (piece && !anyNull) pieces.add(new Uint8Array(rows - count).fill(1));
      anyNull ||= piece !== undefined;
      if (anyNull) pieces.add(piece ?? new Uint8Array(count).fill(1));
      return piece;
    },
    finish: () => anyNull && { validity: pieces.all() },
  };
}
