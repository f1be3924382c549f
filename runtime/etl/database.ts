/**
 * Opens an in-memory DuckDB that spills to a folder of its own; hands out statements with progress and errors that name what was being done.
 */
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { TemporaryFolder } from "../../contract/files/temporary-folder.js";
import { invalid, RuntimeFault } from "../base/errors.js";
import { type Connected, closable } from "./connection.js";
import type { Engine, OnFraction } from "./engine.js";
import { readPacked } from "./read-packed.js";
import { duckdbSql } from "./sql/duckdb-dialect.js";
import { text } from "./sql/literal.js";

/** The progress of a long statement. */
export interface Progress {
  readonly doing: string;
  readonly rows: number;
  /** Undefined while the rows are not counted (CSV). */
  readonly totalRows: number | undefined;
}
export type OnProgress = (progress: Progress) => void;

export interface DatabaseOptions {
  /** DuckDB's spelling: `"4GB"`. Beyond it, work spills to disk. Default: 80 % of the machine. */
  readonly memoryLimit?: string;
  readonly threads?: number;
  /** Called with progress; DuckDB counts it, at some cost, only if this is set. */
  readonly onProgress?: OnProgress;
}

export interface Database extends Engine {
  readonly connection: DuckDBConnection;
  /** Takes bytes from the budget of join tables; returns false if too little is left. */
  reserve(bytes: number): boolean;
  /** Bytes taken so far. */
  readonly reserved: number;
  /** Bytes it may use before it spills. */
  readonly memory: number;
  /** Threads that one statement may use by now. */
  readonly threads: number;
  setThreads(threads: number): Promise<void>;
  /** Runs work of the connection, with its progress and with errors that name what was being done. */
  watch<T>(doing: string, onFraction: OnFraction | undefined, work: () => Promise<T>): Promise<T>;
  /** Names of the tables that were made of fitted artefacts. */
  readonly tables: Set<string>;
  /** Another connection to the same tables and views, so that statements run side by side. It ends with this one. */
  connect(): Promise<Database>;
  close(): Promise<void>;
}

export async function openDatabase({ memoryLimit, threads, onProgress }: DatabaseOptions = {}): Promise<Database> {
  const spill = new TemporaryFolder("etl");
  const instance = await DuckDBInstance.create(":memory:", {
    temp_directory: spill.path,
    preserve_insertion_order: "true",
    ...(memoryLimit !== undefined && { memory_limit: memoryLimit }),
    ...(threads !== undefined && { threads: String(threads) }),
  }).catch(async error => {
    await spill.dispose();
    throw explain(error, "opening DuckDB");
  });
  const first = closable(await instance.connect());
  const { connection } = first;
  await connection.run("SET GLOBAL TimeZone = 'UTC'");
  const [[limit, cores]] = (
    await connection.runAndReadAll("SELECT current_setting('memory_limit'), current_setting('threads')::INTEGER")
  ).getRowsJson() as [[string, number]];
  const shared: Shared = {
    instance,
    spill,
    threads: cores,
    memory: bytesOf(limit),
    reserved: 0,
    others: [],
    tables: new Set(),
    counts: onProgress !== undefined,
  };
  await prepare(connection, shared);
  return database(shared, first);
}

/** The shared part of a database's connections. */
interface Shared {
  readonly instance: DuckDBInstance;
  readonly spill: TemporaryFolder;
  readonly memory: number;
  threads: number;
  /** Rows are joined with all tables at once, so together they must leave room for the work. */
  reserved: number;
  readonly tables: Set<string>;
  /** Connections beside the first. While one is open the instance keeps its memory. */
  readonly others: Connected[];
  /** Statements report their progress. */
  readonly counts: boolean;
}

/** Joins look rows up: what is fitted is the side to build on, whichever is larger. */
async function prepare(connection: DuckDBConnection, shared: Shared): Promise<void> {
  const progress = shared.counts ? "SET enable_progress_bar = true; SET enable_progress_bar_print = false; " : "";
  const groups = `SET perfect_ht_threshold = ${bitsOfGroups(shared)}; `;
  await connection.run(`${progress}${groups}SET disabled_optimizers = 'join_order,build_side_probe_side'`);
}

/** DuckDB's own choice, and the largest number of bits here. */
const [FEWEST_BITS, MOST_BITS] = [12, 20];
/** Bytes of a group that has several aggregates. */
const GROUP = 256;

/**
 * Bits of integer keys up to which a statement groups by place in an array, which takes half the time of a hash table. An array neither
 * counts toward the memory limit nor spills, so each thread's may have a sixteenth of the thread's memory.
 */
function bitsOfGroups({ memory, threads }: Pick<Shared, "memory" | "threads">): number {
  const bits = Math.floor(Math.log2(memory / threads / 16 / GROUP));
  return Math.min(MOST_BITS, Math.max(FEWEST_BITS, bits));
}

function database(shared: Shared, connected: Connected): Database {
  const { connection } = connected;
  const self: Database = {
    connection,
    sql: duckdbSql,
    packed: (sql, dtypes, doing, options) => readPacked(self, sql, dtypes, doing, options),
    watch: (doing, onFraction, work) => watched(connection, doing, onFraction, work),
    tables: shared.tables,
    memory: shared.memory,
    get threads() {
      return shared.threads;
    },
    async setThreads(threads) {
      if (threads === shared.threads) return;
      await connection.run(`SET GLOBAL threads = ${threads}`);
      shared.threads = threads;
    },
    reserve(bytes) {
      if (shared.reserved + bytes > shared.memory / 4) return false;
      shared.reserved += bytes;
      return true;
    },
    get reserved() {
      return shared.reserved;
    },
    async run(sql, doing, onFraction) {
      await watched(connection, doing, onFraction, () => connection.run(sql));
    },
    async rows(sql, doing, onFraction) {
      return watched(connection, doing, onFraction, async () => (await connection.runAndReadAll(sql)).getRowsJson());
    },
    async connect() {
      const another = closable(await shared.instance.connect());
      shared.others.push(another);
      await prepare(another.connection, shared);
      return database(shared, another);
    },
    async close() {
      await Promise.all([connected, ...shared.others.splice(0)].map(one => one.close()));
      shared.instance.closeSync();
      await shared.spill.dispose();
    },
  };
  return self;
}

async function watched<T>(
  connection: DuckDBConnection,
  doing: string,
  onFraction: ((fraction: number) => void) | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const timer = onFraction && setInterval(() => onFraction(Math.max(0, connection.progress.percentage) / 100), 100);
  try {
    const result = await work();
    onFraction?.(1);
    return result;
  } catch (error) {
    throw error instanceof RuntimeFault ? error : explain(error, doing);
  } finally {
    clearInterval(timer);
  }
}

/** `18.6 GiB` */
function bytesOf(text: string): number {
  const [, amount = "0", unit = ""] = /^([\d.]+)\s*([A-Za-z]\w*)$/.exec(text) ?? [];
  return Number(amount) * 1024 ** Math.max(0, ["bytes", "KiB", "MiB", "GiB", "TiB"].indexOf(unit));
}

/** A message without the marks and blanks at its end. */
function withoutEnd(message: string): string {
  let end = message.length;
  while (end > 0 && ".! ".includes(message[end - 1]!)) end--;
  return message.slice(0, end);
}

/** DuckDB's words around the path of a Parquet file without columns. */
const [NO_COLUMNS, AFTER_PATH] = ["Failed to read Parquet file '", "': Need at least one non-root column"];

function fileWithoutColumns(message: string): string | undefined {
  const [from, to] = [message.indexOf(NO_COLUMNS), message.indexOf(AFTER_PATH)];
  return from >= 0 && to > from ? message.slice(from + NO_COLUMNS.length, to) : undefined;
}

/** DuckDB's message up to the point where it shows our own SQL or its own settings. */
function explain(error: unknown, doing: string): RuntimeFault {
  const empty = fileWithoutColumns((error as Error).message);
  if (empty !== undefined)
    return invalid(`\`${empty}\` has no columns. Leave it out, or write it again with columns.`, { cause: error });
  const message = (error as Error).message
    .split(/\n\s*\n|\nLINE \d|\nThis type was|\nPossible (?:fixes|solutions)/)[0]!
    .replace(/^(?:Conversion|Invalid Input|IO|Binder|Out of Range|Out of Memory) Error: /, "")
    .replace(/^CSV Error on Line/, "line")
    .split("\n")
    .map(line => line.trim())
    .filter(Boolean)
    .join("; ");
  return invalid(`${doing} failed: ${withoutEnd(message)}.`, { cause: error });
}

/** `SELECT file FROM glob(…)`, sorted: the files a pattern names. */
export const glob = async (database: Database, pattern: string): Promise<string[]> =>
  (await database.rows(`SELECT file FROM glob(${text(pattern)}) ORDER BY file`, `looking for \`${pattern}\``)).map(
    row => String(row[0]),
  );
