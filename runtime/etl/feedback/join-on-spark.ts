/** An exposure log and the events that followed → the same rows as `joinFeedback`, by Spark. */

import { renameSync } from "node:fs";
import { join } from "node:path";
import { EXPOSURE_COLUMNS } from "../../../contract/exposures.js";
import { StagingFolder } from "../../../formats/folders/replace-folder.js";
import { invalid } from "../../base/errors.js";
import { type Database, openDatabase } from "../database.js";
import { refuseForeign } from "../fitted-folder.js";
import { refuseOverwrite } from "../refuse-overwrite.js";
import { borrowSpark, type SparkOptions, type SparkSession } from "../spark/session.js";
import { type SparkEngine, sparkEngine } from "../spark/spark-engine.js";
import { findSparkData } from "../spark/spark-source.js";
import { MARK, partName } from "../transform.js";
import { chooseColumns } from "./event-columns.js";
import { type ExposureLog, type Locate, logOfTypes } from "./exposure-log.js";
import { checkOptions, creditEvents, refuseColumns } from "./join.js";
import { joinSql } from "./join-sql.js";
import type { JoinOptions, JoinReport } from "./options.js";
import type { EventTable } from "./read-events.js";
import { joinedSql, publishParts } from "./write-joined.js";

const [LOG, EVENTS] = ["merlon_log", "merlon_events"];

/**
 * Joins as `joinFeedback` does. Both inputs are Parquet, and `out` is a folder that this process and Spark's workers see.
 * @throws RuntimeFault naming file, row and column at fault; or that no event matches. `out` is then unchanged
 */
export async function joinFeedbackOnSpark(
  exposures: readonly string[],
  events: readonly string[],
  out: string,
  spark: SparkOptions | SparkSession,
  options: JoinOptions,
): Promise<JoinReport> {
  checkOptions(options);
  if (/\.\w+$/.test(out)) throw invalid(`on Spark, \`--out\` is a folder of Parquet files. Got \`${out}\`.`);
  refuseForeign(out, MARK, "merlon feedback join");
  const database = await openDatabase();
  const session = await borrowSpark(spark).catch(async error => {
    await database.close();
    throw error;
  });
  const engine = sparkEngine(session);
  try {
    const { log, locate } = await openLog(engine, await findSparkData(database, session, exposures));
    refuseColumns(log, options);
    const table = await openTable(engine, await findSparkData(database, session, events), options);
    refuseOverwrite([...log.files, ...table.files], [...exposures, ...events], out);
    await dropAll(engine);
    const { log: first, ...counts } = await creditEvents(engine, log, table, options, { locate });
    const written = await write(database, engine, first, out, options);
    return { ...counts, ...written };
  } finally {
    // A session that was lent stays open.
    await dropAll(engine).catch(() => {});
    await session.close();
    await database.close();
  }
}

const TABLES = [
  "events",
  "hits",
  "matched",
  "credits",
  "exposures",
  "request_keys",
  "user_keys",
  "requests",
  "repeated",
] as const;

async function dropAll(engine: SparkEngine): Promise<void> {
  for (const name of TABLES) await engine.run(`DROP VIEW IF EXISTS ${name}`, "joining");
}

/** DuckDB's names of Spark's types. */
function duckdbType(type: string): string {
  const item = /^array<(.*)>$/.exec(type)?.[1];
  if (item !== undefined) return `${duckdbType(item)}[]`;
  return NAMES[type] ?? type.toUpperCase();
}

const NAMES: Readonly<Record<string, string>> = {
  string: "VARCHAR",
  int: "INTEGER",
  timestamp: "TIMESTAMP WITH TIME ZONE",
  timestamp_ntz: "TIMESTAMP",
  timestamp_ns: "TIMESTAMP_NS of Spark, which reads it as a number",
};

/** Types of files whose columns are alike. @throws RuntimeFault naming the file that differs */
async function typesOf(
  { session }: SparkEngine,
  files: readonly string[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
  const byFile = new Map<string, ReadonlyMap<string, string>>();
  for (const file of files) {
    const found = (await session.ask({ do: "types", file }, `reading \`${file}\``)) as Record<string, string>;
    const types = new Map(Object.entries(found).map(([name, type]) => [name, duckdbType(type)]));
    byFile.set(file, types);
    const first = byFile.get(files[0]!)!;
    const odd = [...first].find(([name, type]) => types.get(name) !== type);
    if (odd)
      throw invalid(
        `\`${file}\`: column \`${odd[0]}\` is ${types.get(odd[0]) ?? "missing"}, and ${odd[1]} in \`${files[0]}\`. Spark reads files of one schema: write them alike, or leave \`--engine spark\` out.`,
      );
  }
  return byFile;
}

/** The first row of a view's files of which a condition holds. */
const locateIn =
  (engine: SparkEngine, view: string, files: readonly string[]): Locate =>
  async (condition, value) => {
    const [found] = await engine.rows(
      `SELECT CAST(merlon_r0 AS DOUBLE), CAST(merlon_r1 AS DOUBLE), CAST(${value} AS STRING) FROM ${view} WHERE ${condition} ORDER BY merlon_r0, merlon_r1 LIMIT 1`,
      "reading the files",
    );
    if (!found) return undefined;
    const [file, row, cell] = found;
    return { file: files[Number(file)]!, row: Number(row), value: cell === null ? null : String(cell) };
  };

async function openLog(engine: SparkEngine, files: readonly string[]) {
  const types = await typesOf(engine, files);
  for (const [file, found] of types)
    for (const { name } of EXPOSURE_COLUMNS)
      if (!found.has(name))
        throw invalid(`\`${file}\` has no column \`${name}\`. Give an exposure log, as the server writes it.`);
  const log = logOfTypes(files, LOG!, types, types.get(files[0]!)!);
  await engine.session.ask({ do: "open", files, view: LOG! }, "reading the exposures");
  return { log, locate: locateIn(engine, LOG!, files) };
}

async function openTable(engine: SparkEngine, files: readonly string[], options: JoinOptions): Promise<EventTable> {
  const types = (await typesOf(engine, files)).get(files[0]!)!;
  const columns = chooseColumns(files[0]!, [...types.keys()], options);
  const rows = Number(await engine.session.ask({ do: "open", files, view: EVENTS! }, "reading the events"));
  return { files, columns, relation: EVENTS!, types, rows, locate: locateIn(engine, EVENTS!, files) };
}

async function write(
  database: Database,
  engine: SparkEngine,
  log: ExposureLog,
  out: string,
  options: JoinOptions,
): Promise<Pick<JoinReport, "files" | "joined" | "positions">> {
  const staging = new StagingFolder(out);
  try {
    const sql = joinedSql(log, options, joinSql(engine));
    const to = join(staging.path, "spark");
    const { files, rows } = (await engine.session.ask({ do: "write", sql, to, files: null }, "joining")) as unknown as {
      readonly files: readonly string[];
      readonly rows: number;
    };
    for (const [i, file] of files.entries()) renameSync(file, join(staging.path, partName(i)));
    staging.remove("spark");
    return await publishParts(database, staging, out, { count: files.length, rows });
  } finally {
    staging.dispose();
  }
}
