/**
 * Vocabularies inside DuckDB: learnt from a column, read out for the Arrow file, and made known to the SQL form of `categorify`.
 */
import { BIGINT, DuckDBDataChunk, DuckDBScalarFunction, type DuckDBValue, INTEGER, VARCHAR } from "@duckdb/node-api";
import { type DType, datatype } from "../../triton-protos/datatype.js";
import type { OpParams } from "../../triton-protos/op-params.js";
import { indexValues } from "../kernels/value-index.js";
import type { Vocabulary } from "../kernels/vocabulary-file.js";
import { allocate, type Values } from "../plan/table.js";
import type { Database } from "./database.js";
import { sqlType, text } from "./sql/literal.js";
import type { SqlColumn, SqlContext } from "./sql/sql-form.js";

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

/**
 * Makes a vocabulary known to `placeOf`. Text becomes an enum type, whose casts are native and parallel; numbers go through the kernel's own
 * table, which is several times faster than a cast by way of text.
 */
export async function defineVocabulary(
  database: Database,
  stepId: string,
  column: string,
  { dtype, values }: Vocabulary,
): Promise<void> {
  const name = placeName(stepId, column);
  if (dtype !== "string") return registerPlaces(database, name, dtype, values);
  const table = tableName(stepId, column);
  await loadTexts(database, table, values as readonly string[]);
  await database.run(
    `CREATE TYPE ${name} AS ENUM (SELECT value FROM ${table} ORDER BY place)`,
    `preparing the vocabulary of column \`${column}\``,
  );
}

/** See `SqlContext.place`. */
export const placeOf: SqlContext["place"] = (stepId, { name, dtype }, value) =>
  dtype === "string"
    ? `enum_code(TRY_CAST(${value} AS ${placeName(stepId, name)}))`
    : `nullif(${placeName(stepId, name)}(${value}), -1)`;

async function registerPlaces({ connection }: Database, name: string, dtype: DType, distinct: Values): Promise<void> {
  const places = indexValues(distinct);
  const type = (await connection.runAndReadAll(`SELECT CAST(NULL AS ${sqlType(dtype)})`)).columnType(0);
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name,
      parameterTypes: [type],
      returnType: INTEGER,
      mainFunction(_info, input, output) {
        const vector = input.getColumnVector(0);
        const values = allocate(dtype, input.rowCount);
        const target = values as { [k: number]: unknown };
        // A NULL stays at 0: DuckDB answers NULL for it by itself.
        for (let i = 0; i < values.length; i++) target[i] = vector.getItem(i) ?? target[i];
        const found = places(values);
        for (let i = 0; i < found.length; i++) output.setItem(i, found[i]!);
        output.flush();
      },
    }),
  );
}

/** A table of places and texts, unless learning has left one. */
async function loadTexts(database: Database, table: string, texts: readonly string[]): Promise<void> {
  const [[known]] = (await database.rows(
    `SELECT count(*)::INTEGER FROM duckdb_tables() WHERE table_name = ${text(table)}`,
    "loading a vocabulary",
  )) as [[number]];
  if (known > 0) return;
  await database.run(`CREATE TEMP TABLE ${table} (value VARCHAR, place BIGINT)`, "loading a vocabulary");
  const appender = await database.connection.createAppender(table);
  for (let start = 0; start < texts.length; start += 2048) {
    const slice = texts.slice(start, start + 2048);
    const chunk = DuckDBDataChunk.create([VARCHAR, BIGINT], slice.length);
    chunk.setColumnValues(0, slice);
    chunk.setColumnValues(
      1,
      slice.map((_, i) => BigInt(start + i)),
    );
    appender.appendDataChunk(chunk);
  }
  appender.closeSync();
}

/** Names in SQL differ by more than case, whatever is in them. */
const placeName = (stepId: string, column: string): string => `merlon_place_${hex(stepId, column)}`;
const tableName = (stepId: string, column: string): string => `merlon_values_${hex(stepId, column)}`;
const hex = (...parts: readonly string[]): string => Buffer.from(parts.join("\n")).toString("hex");
