/**
 * Chunks of DuckDB → columns over typed arrays. Numbers are copied whole out of DuckDB's own buffers; text is decoded value by value.
 */
import type { DuckDBConnection, DuckDBDataChunk } from "@duckdb/node-api";
import bindings from "@duckdb/node-bindings";
import { type DType, datatype } from "../../triton-protos/datatype.js";
import { allocate, type Column, rootRows, type Values } from "../base/columns/table.js";

export interface Piece {
  readonly values: Values;
  /** One byte a value, 0 = null; absent where nothing is. */
  readonly validity?: Uint8Array;
}

type Numbers = Exclude<Values, readonly string[]>;

/** Column `c` of a chunk. Nulls are 0, "" or, for floats, NaN. */
export function readPiece(chunk: DuckDBDataChunk, c: number, dtype: DType): Piece {
  const rows = chunk.rowCount;
  const validity = readValidity(chunk, c);
  const { array, kind, bytes: size } = datatype(dtype);
  if (array && kind !== "bool") {
    // The bytes are a copy of DuckDB's, in a buffer of their own.
    const bytes = bindings.vector_get_data(bindings.data_chunk_get_vector(chunk.chunk, c), rows * size);
    const values = new array(bytes.buffer as ArrayBuffer, bytes.byteOffset, rows);
    if (validity) for (let i = 0; i < rows; i++) if (validity[i] === 0) bytes.fill(0, i * size, (i + 1) * size);
    if (validity && kind === "float")
      for (let i = 0; i < rows; i++) if (validity[i] === 0) (values as Float64Array)[i] = Number.NaN;
    return { values, ...(validity && { validity }) };
  }
  const values = allocate(dtype, rows);
  const vector = chunk.getColumnVector(c);
  const target = values as { [i: number]: unknown };
  for (let i = 0; i < rows; i++) {
    const value = vector.getItem(i);
    if (value !== null) target[i] = typeof value === "boolean" ? Number(value) : value;
  }
  return { values, ...(validity && { validity }) };
}

/** One byte a row of column `c`, 0 = null; undefined where nothing is. */
export function readValidity(chunk: DuckDBDataChunk, c: number): Uint8Array | undefined {
  const rows = chunk.rowCount;
  const vector = bindings.data_chunk_get_vector(chunk.chunk, c);
  const bits = bindings.vector_get_validity(vector, Math.ceil(rows / 64) * 8) as Uint8Array | null;
  if (!bits) return undefined;
  const validity = new Uint8Array(rows);
  for (let i = 0; i < rows; i++) validity[i] = (bits[i >> 3]! >> (i & 7)) & 1;
  return validity.includes(0) ? validity : undefined;
}

/** All rows of a statement, column by column. */
export async function readAll(
  connection: DuckDBConnection,
  sql: string,
  dtypes: readonly DType[],
): Promise<readonly Column[]> {
  const result = await connection.stream(sql);
  const pieces: Piece[][] = dtypes.map(() => []);
  for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk())
    for (const [c, dtype] of dtypes.entries()) pieces[c]!.push(readPiece(chunk, c, dtype));
  const rows = rootRows(pieces[0]!.reduce((sum, { values }) => sum + values.length, 0));
  return dtypes.map((dtype, c) => ({ dtype, rows, ...concatenate(pieces[c]!, dtype, rows.count) }));
}

function concatenate(pieces: readonly Piece[], dtype: DType, count: number): Piece {
  const validity = pieces.some(piece => piece.validity) ? new Uint8Array(count).fill(1) : undefined;
  let at = 0;
  for (const piece of pieces) {
    if (piece.validity) validity!.set(piece.validity, at);
    at += piece.values.length;
  }
  if (dtype === "string")
    return { values: pieces.flatMap(({ values }) => values as readonly string[]), ...(validity && { validity }) };
  const values = allocate(dtype, count) as Numbers;
  at = 0;
  for (const piece of pieces) {
    (values as Float64Array).set(piece.values as Float64Array, at);
    at += piece.values.length;
  }
  return { values, ...(validity && { validity }) };
}
