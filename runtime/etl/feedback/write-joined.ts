/** The log and its `credits` → joined rows in Parquet, ordered by their key. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { EXPOSURE_COLUMNS, isJoinedColumn } from "../../../contract/exposures.js";
import { StagingFolder } from "../../../formats/folders/replace-folder.js";
import { invalid } from "../../base/errors.js";
import { formatOf } from "../data-formats.js";
import type { Database } from "../database.js";
import { refuseForeign } from "../fitted-folder.js";
import { text, texts } from "../sql/literal.js";
import { MARK, moveFile, partName } from "../transform.js";
import { type ExposureLog, fixedColumn, keyColumns } from "./exposure-log.js";
import { type JoinSql, joinSql } from "./join-sql.js";
import type { JoinOptions, JoinReport } from "./options.js";

/** Rows of a file of a folder. */
const PART = 4_000_000;

/** @throws RuntimeFault for a kept column of a name that the join makes */
export function refuseJoinedNames({ kept, files }: ExposureLog): void {
  const taken = kept.find(isJoinedColumn);
  if (taken !== undefined)
    throw invalid(
      `\`${files[0]}\` has a column \`${taken}\`, which the join makes. Joined rows are not a log. For a kept column, write \`rename({ name: "item_${taken}" })\` in the ensemble, and change finished files with DuckDB: \`SELECT * RENAME (${taken} AS item_${taken})\`.`,
    );
}

/** Whether `out` is one file; otherwise a folder. @throws RuntimeFault for a folder of others' files, or another format */
export function isFile(out: string): boolean {
  const format = formatOf(out);
  if (format !== undefined && format !== "parquet")
    throw invalid(`\`${out}\` is ${format}; joined rows are Parquet. Name a file \`*.parquet\`, or a folder.`);
  if (format === undefined) refuseForeign(out, MARK, "merlon feedback join");
  return format === "parquet";
}

/** The condition that keeps a row without an event: a hash of its seed, item and request, uniform on 64 bits. */
function sampled({ negatives, seed = 0 }: JoinOptions, [request, , item]: readonly string[], sql: JoinSql): string {
  if (negatives === undefined || negatives === 1) return "true";
  const hash = sql.hash(`concat(${sql.text(`${seed}:`)}, ${item}, ':', ${request})`);
  return `${hash} < CAST(${negatives} AS DOUBLE) * CAST('18446744073709551616' AS DOUBLE)`;
}

/** Statement of the joined rows, from the log and the table `credits`. */
export function joinedSql(log: ExposureLog, options: JoinOptions, sql: JoinSql): string {
  const { identifier, time, types } = sql;
  const own = keyColumns(log, "s.", types);
  const [request, row, item] = keyColumns(log, "", types);
  const position = identifier("position");
  const keys = ["request_id", "request_row", "item"];
  const columns = [
    ...EXPOSURE_COLUMNS.map(column => `${fixedColumn(column, log, sql)} AS ${identifier(column.name)}`),
    ...log.kept.map(identifier),
    "CAST(coalesce(hit_label, false) AS INTEGER) AS label",
    "CAST(coalesce(hit_reward, 0) AS DOUBLE) AS reward",
    `${time("hit_time")} AS event_time`,
    ...(options.negatives === undefined
      ? []
      : [`CASE WHEN hit_time IS NULL THEN CAST(${1 / options.negatives} AS DOUBLE) ELSE 1 END AS weight`]),
  ];
  const on = keys.map((key, i) => `${own[i]} = c.hit_${key}`).join(" AND ");
  return `SELECT ${columns.join(", ")} FROM (
      SELECT s.*, c.* FROM ${log.relation} s LEFT JOIN (
        SELECT request_id AS hit_request_id, request_row AS hit_request_row, item AS hit_item, reward AS hit_reward, t AS hit_time, label AS hit_label FROM credits
      ) c ON ${on}) joined
    WHERE ${options.notShown ? "true" : `${position} IS NOT NULL`} AND (hit_time IS NOT NULL OR ${sampled(options, [request!, row!, item!], sql)})
    ORDER BY ${request}, ${row}, ${position} NULLS LAST, ${item}`;
}

/**
 * Writes the rows; `out` is replaced when they are whole.
 * @returns the files, and the counts of their rows
 */
export async function writeJoined(
  database: Database,
  log: ExposureLog,
  out: string,
  options: JoinOptions,
  onFraction?: (fraction: number) => void,
): Promise<Pick<JoinReport, "files" | "joined" | "positions">> {
  const staging = new StagingFolder(out);
  const copy = (select: string, file: string, report?: (fraction: number) => void) =>
    database.run(
      `COPY (${select}) TO ${text(file)} (FORMAT parquet, COMPRESSION snappy)`,
      "writing the joined rows",
      report,
    );
  const sql = joinedSql(log, options, joinSql(database));
  try {
    if (isFile(out)) {
      const file = join(staging.path, "data.parquet");
      await copy(sql, file, onFraction);
      const counts = await countJoined(database, [file]);
      await moveFile(file, out);
      return { files: [out], ...counts };
    }
    await database.run(`CREATE TEMP TABLE joined AS ${sql}`, "joining", onFraction);
    const [[rows]] = (await database.rows("SELECT count(*)::DOUBLE FROM joined", "counting rows")) as [[number]];
    const names = Array.from({ length: Math.max(1, Math.ceil(rows / PART)) }, (_, i) => partName(i));
    for (const [i, name] of names.entries())
      await copy(
        `SELECT * FROM joined WHERE rowid >= ${i * PART} AND rowid < ${(i + 1) * PART} ORDER BY rowid`,
        join(staging.path, name),
      );
    return await publishParts(database, staging, out, { count: names.length, rows });
  } finally {
    staging.dispose();
  }
}

/** The parts in the staging folder become the folder `out`. @param written the number of parts, named by `partName`, and that of their rows */
export async function publishParts(
  database: Database,
  staging: StagingFolder,
  out: string,
  written: { readonly count: number; readonly rows: number },
): Promise<Pick<JoinReport, "files" | "joined" | "positions">> {
  const names = Array.from({ length: written.count }, (_, i) => partName(i));
  const counts = await countJoined(
    database,
    names.map(name => join(staging.path, name)),
  );
  await writeFile(join(staging.path, MARK), `${JSON.stringify({ command: "feedback join", rows: written.rows })}\n`);
  staging.replace();
  return { files: names.map(name => join(out, name)), ...counts };
}

/** Counts by position, from the files that were written. */
async function countJoined(
  database: Database,
  files: readonly string[],
): Promise<Pick<JoinReport, "joined" | "positions">> {
  const rows = (await database.rows(
    `SELECT "position", count(*)::DOUBLE, sum(label)::DOUBLE, sum(CAST(reward AS DECIMAL(38, 9)))::DOUBLE, count(event_time)::DOUBLE
     FROM read_parquet(${texts(files)}) GROUP BY 1 ORDER BY 1 NULLS LAST`,
    "counting the joined rows",
  )) as [number | null, number, number, number, number][];
  const positions = rows.map(([position, count, positives, reward]) => ({ position, rows: count, positives, reward }));
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return {
    positions,
    joined: {
      rows: sum(rows.map(row => row[1])),
      positives: sum(rows.map(row => row[2])),
      withEvent: sum(rows.map(row => row[4])),
      reward: sum(rows.map(row => row[3])),
    },
  };
}
