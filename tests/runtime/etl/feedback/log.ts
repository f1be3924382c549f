/** Writes small exposure logs and tables of events with DuckDB, and reads joined rows. */
import { join } from "node:path";
import { DuckDBInstance, type Json } from "@duckdb/node-api";
import { EXPOSURE_COLUMNS } from "#contract/exposures.js";

export interface Exposure {
  readonly request_id: string | null;
  readonly request_row: number;
  /** Seconds after `START`. */
  readonly time: number;
  readonly item: number | string;
  readonly position: number | null;
  readonly user_id?: number | string | null;
  readonly [column: string]: unknown;
}

/** 2026-01-01T00:00:00Z, in seconds. */
export const START = 1_767_225_600;

/** Statements on a database of their own. @returns the rows of the last one */
export async function sql(...statements: readonly string[]): Promise<Json[][]> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    for (const statement of statements.slice(0, -1)) await connection.run(statement);
    return (await connection.runAndReadAll(statements.at(-1)!)).getRowsJson();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

export function literal(value: unknown): string {
  if (value === null || value === undefined) return "NULL";
  return typeof value === "string" ? `'${value.replaceAll("'", "''")}'` : String(value);
}

/** SQL of seconds after `START`. */
export const instant = (seconds: number): string => `make_timestamp(${Math.round((START + seconds) * 1e6)})`;

/** The fixed columns that an exposure does not give. */
const DEFAULTS: Readonly<Record<string, string>> = {
  model: "'shop'",
  version: "1",
  plan: "'0123456789abcdef'",
  artefacts: "NULL",
  arm: "NULL",
  seed: "NULL",
  score: "0.5",
  propensity: "0.25",
  list_propensity: "0.125",
  sources: "['search']",
  log_rate: "1",
};

/** SQL of a log's rows: the fixed columns in their order, then `kept` with their types. */
export function logSql(
  rows: readonly Exposure[],
  kept: Readonly<Record<string, string>> = { user_id: "BIGINT" },
): string {
  const itemType = rows.some(({ item }) => typeof item === "string") ? "VARCHAR" : "BIGINT";
  const one = (row: Exposure): string => {
    const fixed = EXPOSURE_COLUMNS.map(({ name, type }) => {
      const value = name === "time" ? instant(row.time) : name in row ? literal(row[name]) : DEFAULTS[name]!;
      return `CAST(${value} AS ${type === "id" ? itemType : type}) AS "${name}"`;
    });
    return `SELECT ${[...fixed, ...Object.entries(kept).map(([name, type]) => `CAST(${literal(row[name])} AS ${type}) AS "${name}"`)].join(", ")}`;
  };
  return rows.map(one).join(" UNION ALL ");
}

export const parquet = (query: string, file: string): string => `COPY (${query}) TO ${literal(file)} (FORMAT parquet)`;

export async function writeLog(
  folder: string,
  rows: readonly Exposure[],
  kept?: Readonly<Record<string, string>>,
): Promise<string> {
  const file = join(folder, "log.parquet");
  await sql(parquet(logSql(rows, kept), file), "SELECT 1");
  return file;
}
