/**
 * Vocabularies inside DuckDB: learnt from a column, read out for the Arrow file, loaded back from it, and turned into the enum types
 * that the SQL form of `categorify` casts to.
 */
import { BIGINT, DuckDBDataChunk, type DuckDBValue } from "@duckdb/node-api";
import { type DType, datatype } from "../../triton-protos/datatype.js";
import type { OpParams } from "../../triton-protos/op-params.js";
import type { Vocabulary } from "../kernels/vocabulary-file.js";
import { allocate } from "../plan/table.js";
import type { Database } from "./database.js";
import { key } from "./sql/categorify.js";
import { identifier, sqlType } from "./sql/literal.js";
import type { SqlColumn } from "./sql/sql-form.js";

/** Name of the enum type of a step's column. */
export const vocabularyType = (stepId: string, column: string): string => identifier(`vocabulary ${stepId}\n${column}`);

const tableName = (stepId: string, column: string): string => identifier(`values ${stepId}\n${column}`);

/** Distinct values by falling count, then by value (text by its UTF-8 bytes): the same for the same data on any machine. */
export async function learnVocabulary(
  database: Database,
  place: { stepId: string; column: string; view: string },
  source: SqlColumn,
  params: OpParams["categorify"],
  onFraction: (fraction: number) => void,
): Promise<Vocabulary> {
  const { stepId, column, view } = place;
  const { freqThreshold, maxSize, numBuckets } = params;
  const zero = datatype(source.dtype).kind === "float" ? " + 0" : "";
  const value = source.list ? `unnest(${source.sql})` : source.sql;
  const counted = `SELECT value${zero} AS value, count(*) AS count FROM (SELECT ${value} AS value FROM ${view}) WHERE value IS NOT NULL GROUP BY 1`;
  const kept = freqThreshold > 1 ? ` HAVING count(*) >= ${freqThreshold}` : "";
  const limit = maxSize > 0 ? ` LIMIT ${Math.max(0, maxSize - 2 - numBuckets)}` : "";
  const table = tableName(stepId, column);
  const type = sqlType(source.dtype);
  await database.run(
    `CREATE TEMP TABLE ${table} AS SELECT CAST(value AS ${type}) AS value, count, row_number() OVER (ORDER BY count DESC, value) AS place
     FROM (${counted}${kept}) ORDER BY place${limit}`,
    `counting the values of column \`${column}\``,
    onFraction,
  );
  return readTable(database, table, source.dtype);
}

async function readTable(database: Database, table: string, dtype: DType): Promise<Vocabulary> {
  const [[size]] = (await database.rows(`SELECT count(*)::INTEGER FROM ${table}`, "reading a vocabulary")) as [
    [number],
  ];
  const values = allocate(dtype, size);
  const counts = new BigInt64Array(size);
  const result = await database.connection.stream(`SELECT value, count FROM ${table} ORDER BY place`);
  const target = values as { [k: number]: DuckDBValue };
  let at = 0;
  for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    const value = chunk.getColumnVector(0);
    const count = chunk.getColumnVector(1);
    for (let i = 0; i < chunk.rowCount; i++, at++) {
      target[at] = value.getItem(i)!;
      counts[at] = count.getItem(i) as bigint;
    }
  }
  return { dtype, values, counts };
}

/** Loads a vocabulary file's values, so that `defineVocabulary` can follow. */
export async function loadVocabulary(
  database: Database,
  stepId: string,
  column: string,
  { dtype, values }: Vocabulary,
): Promise<void> {
  const table = tableName(stepId, column);
  await database.run(`CREATE TEMP TABLE ${table} (value ${sqlType(dtype)}, place BIGINT)`, "loading a vocabulary");
  const appender = await database.connection.createAppender(table.slice(1, -1).replaceAll('""', '"'));
  const type = (await database.connection.runAndReadAll(`SELECT value FROM ${table} LIMIT 0`)).columnType(0);
  for (let start = 0; start < values.length; start += 2048) {
    const slice: DuckDBValue[] = Array.from(
      { length: Math.min(2048, values.length - start) },
      (_, i) => values[start + i]!,
    );
    const chunk = DuckDBDataChunk.create([type, BIGINT], slice.length);
    chunk.setColumnValues(0, dtype === "bool" ? slice.map(v => Number(v) === 1) : slice);
    chunk.setColumnValues(
      1,
      slice.map((_, i) => BigInt(start + i)),
    );
    appender.appendDataChunk(chunk);
  }
  appender.closeSync();
}

/** Makes the enum type of a vocabulary that was learnt or loaded. */
export const defineVocabulary = (database: Database, stepId: string, column: string, dtype: DType): Promise<void> =>
  database.run(
    `CREATE TYPE ${vocabularyType(stepId, column)} AS ENUM (SELECT ${key("value", dtype)} FROM ${tableName(stepId, column)} ORDER BY place)`,
    `preparing the vocabulary of column \`${column}\``,
  );
