/**
 * Reads event files in the published CSV format: (files, strict?) → `events.parquet`, and the rows that were left out,
 * each named by file and line.
 */
import { closeSync, openSync, readSync } from "node:fs";
import type { DuckDBConnection } from "@duckdb/node-api";
import { quote, withDuckdb, writeParquet } from "./parquet.js";

/** Published column → DuckDB type. The types refuse what the columns may not hold. */
const COLUMNS = {
  event_time: "TIMESTAMP",
  event_type: "ENUM('view', 'cart', 'remove_from_cart', 'purchase')",
  product_id: "BIGINT",
  category_id: "BIGINT",
  category_code: "VARCHAR",
  brand: "VARCHAR",
  price: "DECIMAL(12, 2)",
  user_id: "BIGINT",
  user_session: "VARCHAR",
} as const;

export interface LoadOptions {
  readonly files: readonly string[];
  /** The Parquet file to write. */
  readonly out: string;
  /** Refuse the whole load on the first bad row, instead of leaving it out. */
  readonly strict?: boolean;
}

export interface BadRow {
  readonly file: string;
  readonly line: number;
  readonly reason: string;
}

export interface Loaded {
  readonly rows: number;
  /** Every row left out. */
  readonly bad: readonly BadRow[];
}

/** A file that is not what the loader expects; the message names file, place and way out. */
export class LoadError extends Error {
  override readonly name = "LoadError";
}

/** How many bad rows a message lists. */
const SHOWN = 5;

/** @throws LoadError for a missing column, an unreadable file, and, when strict, a bad row; nothing is written then */
export async function loadEvents({ files, out, strict = false }: LoadOptions): Promise<Loaded> {
  if (files.length === 0)
    throw new LoadError("No event file was named. Name the monthly CSV files, or make some with the generator.");
  const headers = files.map(file => readHeader(file));
  return withDuckdb(async connection => {
    const types = Object.entries(COLUMNS).map(([name, type]) => `${name} ${type}`);
    await connection.run(`CREATE TABLE events (${types.join(", ")})`);
    const bad: BadRow[] = [];
    for (const [i, file] of files.entries()) bad.push(...(await loadFile(connection, file, headers[i]!)));
    if (strict && bad.length > 0)
      throw new LoadError(
        `${badRowsMessage(bad)} Nothing was written: mend the rows, or load without \`--strict\` to leave them out.`,
      );
    return { rows: await writeParquet(connection, "SELECT * FROM events", out), bad };
  });
}

/** `2 bad rows:` and the first of them, one a line. */
export function badRowsMessage(bad: readonly BadRow[]): string {
  const lines = bad.slice(0, SHOWN).map(row => `\n  ${row.file}:${row.line}: ${row.reason}`);
  const rest = bad.length > SHOWN ? `\n  … and ${bad.length - SHOWN} more` : "";
  return `${bad.length} bad ${bad.length === 1 ? "row" : "rows"}:${lines.join("")}${rest}\n`;
}

/** The names in a file's first line, all published columns among them. */
function readHeader(file: string): readonly string[] {
  const names = firstLine(file)
    .split(",")
    .map(name => name.trim().replace(/^"(.*)"$/, "$1"));
  const missing = Object.keys(COLUMNS).filter(name => !names.includes(name));
  if (missing.length > 0)
    throw new LoadError(
      `${file}:1: ${missing.length === 1 ? "column" : "columns"} ${missing.map(name => `\`${name}\``).join(", ")} missing. The header reads \`${names.join(",")}\`. ` +
        `The published files have \`${Object.keys(COLUMNS).join(",")}\`: add the missing ones, or rename what stands for them.`,
    );
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new LoadError(`${file}:1: column \`${twice}\` stands twice in the header. Keep one.`);
  return names;
}

function firstLine(file: string): string {
  const buffer = Buffer.alloc(8192);
  let handle: number;
  try {
    handle = openSync(file, "r");
  } catch (error) {
    throw new LoadError(`${file} cannot be read: ${(error as Error).message}. Check the path.`, { cause: error });
  }
  const length = readSync(handle, buffer);
  closeSync(handle);
  // Excel puts a byte order mark in front; it is no part of the first column's name.
  return buffer
    .toString("utf8", 0, length)
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/, 1)[0]!;
}

async function loadFile(connection: DuckDBConnection, file: string, header: readonly string[]): Promise<BadRow[]> {
  const columns = header.map(
    name =>
      `${quote(name)}: ${quote(Object.hasOwn(COLUMNS, name) ? COLUMNS[name as keyof typeof COLUMNS] : "VARCHAR")}`,
  );
  await connection.run(
    "DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans; CREATE OR REPLACE TEMP TABLE incoming AS " +
      `SELECT * FROM read_csv(${quote(file)}, header = true, auto_detect = false, delim = ',', quote = '"', escape = '"', columns = {${columns.join(", ")}},
       timestampformat = '%Y-%m-%d %H:%M:%S UTC', force_not_null = ['product_id', 'user_id', 'event_type', 'price', 'event_time', 'category_id'], store_rejects = true)`,
  );
  await connection.run(`INSERT INTO events SELECT ${Object.keys(COLUMNS).join(", ")} FROM incoming WHERE price >= 0`);
  // A short row is reported once for each column it lacks: one line, one report.
  const rejects = await connection.runAndReadAll(
    "SELECT line::INTEGER, column_name, error_type::VARCHAR, error_message, csv_line FROM reject_errors QUALIFY row_number() OVER (PARTITION BY line ORDER BY column_idx) = 1 ORDER BY line",
  );
  const bad = rejects.getRows().map(([line, column, kind, message, text]) => ({
    file,
    line: line as number,
    reason: reason(column as string | null, kind as string, message as string, text as string, header),
  }));
  return [...bad, ...(await negativePrices(connection, file, header))].sort((a, b) => a.line - b.line);
}

function reason(column: string | null, kind: string, message: string, text: string, header: readonly string[]): string {
  const fields = text.split(",");
  if (kind === "MISSING COLUMNS" || kind === "TOO MANY COLUMNS")
    return `${fields.length} fields where the header has ${header.length}`;
  if (kind !== "CAST" || column === null) return message;
  const value = fields[header.indexOf(column)] ?? "";
  const wanted =
    column === "event_time"
      ? "a time like `2019-10-01 00:00:00 UTC`"
      : column === "event_type"
        ? "one of view, cart, remove_from_cart, purchase"
        : "a number";
  return `\`${column}\` is ${value === "" ? "empty" : `\`${value}\``}, not ${wanted}`;
}

/** A negative price is a number, so the reader let it through: its lines are looked up in the text, only when there are any. */
async function negativePrices(
  connection: DuckDBConnection,
  file: string,
  header: readonly string[],
): Promise<BadRow[]> {
  const count = await connection.runAndReadAll("SELECT count(*) FROM incoming WHERE price < 0");
  if (Number(count.getRows()[0]![0]) === 0) return [];
  const found = await connection.runAndReadAll(
    `WITH numbered AS (SELECT row_number() OVER () AS line, text FROM read_csv(${quote(file)}, header = false, auto_detect = false, delim = '\u0001', quote = '', escape = '', columns = {'text': 'VARCHAR'}))
     SELECT line::INTEGER, string_split(text, ',')[${header.indexOf("price") + 1}] AS price FROM numbered WHERE line > 1 AND try_cast(price AS DECIMAL(12, 2)) < 0`,
  );
  return found
    .getRows()
    .map(([line, price]) => ({ file, line: line as number, reason: `\`price\` is \`${price}\`, less than nothing` }));
}
