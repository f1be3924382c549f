/**
 * Writes the answer of a query to one Parquet file: whole, or not at all.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";

/** Runs work on a DuckDB of its own, in memory, and closes it. */
export async function withDuckdb<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    return await work(connection);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** @returns number of rows written */
export async function writeParquet(connection: DuckDBConnection, query: string, file: string): Promise<number> {
  mkdirSync(dirname(file), { recursive: true });
  const partial = `${file}.partial`;
  try {
    const reader = await connection.runAndReadAll(
      `COPY (${query}) TO ${quote(partial)} (FORMAT parquet, COMPRESSION zstd)`,
    );
    const handle = openSync(partial, "r+");
    fsyncSync(handle);
    closeSync(handle);
    renameSync(partial, file);
    return Number(reader.getRows()[0]![0]);
  } finally {
    rmSync(partial, { force: true });
  }
}

/** A SQL string literal. */
export const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;
