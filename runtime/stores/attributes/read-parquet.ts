/** Columns of a Parquet file, by DuckDB: numbers are copied whole, texts are decoded one by one. Other work gets its turn between chunks. */

import type { DuckDBDataChunk } from "@duckdb/node-api";
import { quoteName, quoteText } from "../../../formats/sqlite/quote-sql.js";
import { type DType, datatype, type Values } from "../../../triton-protos/datatype.js";
import { allocate } from "../../base/columns/table.js";
import { RuntimeFault } from "../../base/errors.js";
import { packageFault } from "../../base/missing-package.js";
import type { Piece } from "./attribute-column.js";

/** @throws Error that says what is wrong */
export async function readParquet(
  file: string,
  columns: ReadonlyMap<string, DType>,
): Promise<ReadonlyMap<string, Piece>> {
  const { DuckDBInstance } = await import("@duckdb/node-api").catch((error: Error) => {
    throw packageFault(error) === undefined ? error : RuntimeFault.from(error);
  });
  const instance = await DuckDBInstance.create(":memory:", { threads: "1", preserve_insertion_order: "true" });
  const connection = await instance.connect();
  try {
    const names = [...columns.keys()].map(quoteName).join(", ");
    const result = await connection.stream(`SELECT ${names} FROM read_parquet(${quoteText(file)})`);
    const parts = [...columns].map(([name, dtype]) => ({ name, dtype, pieces: [] as Piece[] }));
    for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk())
      for (const [at, { dtype, pieces }] of parts.entries()) pieces.push(pieceOf(chunk, at, dtype));
    return new Map(parts.map(({ name, dtype, pieces }) => [name, joined(pieces, dtype)]));
  } catch (error) {
    throw new Error((error as Error).message.split("\n")[0]!, { cause: error });
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

function pieceOf(chunk: DuckDBDataChunk, at: number, dtype: DType): Piece {
  const vector = chunk.getColumnVector(at);
  const values = allocate(dtype, chunk.rowCount);
  const target = values as { [i: number]: unknown };
  let validity: Uint8Array | undefined;
  for (let i = 0; i < chunk.rowCount; i++) {
    const value = vector.getItem(i);
    if (value === null) {
      validity ??= new Uint8Array(chunk.rowCount).fill(1);
      validity[i] = 0;
    } else target[i] = typeof value === "boolean" ? Number(value) : value;
  }
  return { values, validity };
}

function joined(pieces: readonly Piece[], dtype: DType): Piece {
  const count = pieces.reduce((sum, { values }) => sum + values.length, 0);
  const validity = pieces.some(piece => piece.validity) ? new Uint8Array(count).fill(1) : undefined;
  const values: Values = datatype(dtype).array
    ? allocate(dtype, count)
    : pieces.flatMap(({ values: v }) => v as string[]);
  let at = 0;
  for (const piece of pieces) {
    if (piece.validity) validity!.set(piece.validity, at);
    if (!Array.isArray(values)) (values as Float64Array).set(piece.values as Float64Array, at);
    at += piece.values.length;
  }
  return { values, validity };
}
