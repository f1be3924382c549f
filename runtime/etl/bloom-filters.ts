/** Rows of (user, item) → Parquet with one Bloom filter per user, as bytes: what a feature store serves to `filterCandidates({ seen })`. */
import { join } from "node:path";
import { blobValue, DuckDBDataChunk, type DuckDBListValue, type DuckDBValue } from "@duckdb/node-api";
import { StagingFolder } from "../../formats/folders/replace-folder.js";
import { addToBloom, emptyBloom } from "../../formats/hashes/bloom.js";
import { idHashes } from "../../operators/shared/kernel/id-hashes.js";
import { invalid } from "../base/errors.js";
import { findData, openData } from "./data-source.js";
import { type Database, type DatabaseOptions, openDatabase } from "./database.js";
import { identifier, text } from "./sql/literal.js";
import { moveFile } from "./transform.js";

export interface BloomOptions extends DatabaseOptions {
  readonly user: string;
  readonly item: string;
  /** Share of unseen items that a filter takes for seen, above 0 and below 1. */
  readonly errorRate: number;
  /** Name of the column of filters. */
  readonly name: string;
  /** Column whose latest value per user is copied: the event time that a feature store requires. */
  readonly timestamp?: string;
}

export interface MadeFilters {
  readonly users: number;
  /** The size of all filters together. */
  readonly bytes: number;
}

/** @throws RuntimeFault naming column and what to do; `out` is then untouched */
export async function buildBloomFilters(
  data: readonly string[],
  out: string,
  options: BloomOptions,
): Promise<MadeFilters> {
  if (!(options.errorRate > 0 && options.errorRate < 1))
    throw invalid(`an error rate must be between 0 and 1, found ${options.errorRate}. Take 0.01.`);
  const database = await openDatabase(options);
  const staging = new StagingFolder(out);
  try {
    const { user, item, name, timestamp } = options;
    const asked = [user, item, ...(timestamp === undefined ? [] : [timestamp])];
    const { relation } = await openData(database, await findData(database, data), [], asked);
    await readSeen(database, relation, options);
    const made = await addFilters(database, options);
    const file = join(staging.path, "data.parquet");
    const columns = [
      `user_key AS ${identifier(user)}`,
      `filter AS ${identifier(name)}`,
      ...(timestamp === undefined ? [] : [`latest AS ${identifier(timestamp)}`]),
    ];
    await database.run(
      `COPY (SELECT ${columns.join(", ")} FROM made JOIN seen USING (place) ORDER BY place) TO ${text(file)} (FORMAT parquet)`,
      "writing",
    );
    await moveFile(file, out);
    return made;
  } finally {
    staging.dispose();
    await database.close();
  }
}

async function readSeen(database: Database, relation: string, { user, item, timestamp }: BloomOptions): Promise<void> {
  const [type] = (await database.rows(
    `SELECT typeof(any_value(${identifier(item)})) FROM (SELECT ${identifier(item)} FROM ${relation} WHERE ${identifier(item)} IS NOT NULL LIMIT 1)`,
    "reading the data",
  )) as [[string | null]];
  const kind = type[0];
  if (kind === null) throw invalid(`column \`${item}\` holds no ids.`);
  if (kind !== "VARCHAR" && !/^U?(TINY|SMALL|BIG)?INT(EGER)?$/.test(kind))
    throw invalid(`column \`${item}\` is ${kind}; ids are integers or texts.`);
  const id = kind === "VARCHAR" ? identifier(item) : `${identifier(item)}::BIGINT`;
  await database.run(
    `CREATE TEMP TABLE seen AS SELECT *, row_number() OVER (ORDER BY user_key) - 1 AS place FROM (
       SELECT ${identifier(user)} AS user_key, list(DISTINCT ${id} ORDER BY ${id}) AS items${timestamp === undefined ? "" : `, max(${identifier(timestamp)}) AS latest`}
       FROM ${relation} WHERE ${identifier(user)} IS NOT NULL AND ${identifier(item)} IS NOT NULL GROUP BY 1)`,
    "gathering what users have seen",
  );
}

async function addFilters(database: Database, { errorRate, onProgress }: BloomOptions): Promise<MadeFilters> {
  const { connection } = database;
  await database.run("CREATE TEMP TABLE made (place BIGINT, filter BLOB)", "writing");
  const types = (await connection.runAndReadAll("SELECT * FROM made")).columnTypes();
  const appender = await connection.createAppender("made");
  const [[total]] = (await database.rows("SELECT count(*)::DOUBLE FROM seen", "counting")) as [[number]];
  // A connection streams one result at a time, and the appender has this one's.
  const result = await connection.stream("SELECT place, items FROM seen ORDER BY place");
  let [users, bytes] = [0, 0];
  for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    const filters = chunk.getColumnValues(1).map(list => filterOf((list as DuckDBListValue).items, errorRate));
    const made = DuckDBDataChunk.create(types, chunk.rowCount);
    made.setColumnValues(0, chunk.getColumnValues(0));
    made.setColumnValues(
      1,
      filters.map(filter => blobValue(filter)),
    );
    appender.appendDataChunk(made);
    users += chunk.rowCount;
    bytes += filters.reduce((sum, filter) => sum + filter.length, 0);
    onProgress?.({ doing: "write", rows: users, totalRows: total });
  }
  appender.closeSync();
  return { users, bytes };
}

function filterOf(items: readonly DuckDBValue[], rate: number): Uint8Array {
  const { bytes, filter } = emptyBloom(items.length, rate);
  const { a, b } = idHashes(
    typeof items[0] === "string" ? (items as string[]) : BigInt64Array.from(items as readonly bigint[]),
  );
  for (let i = 0; i < a.length; i++) addToBloom(filter, a[i]!, b[i]!);
  return bytes;
}
