/** An exposure log → the table `logged`: whole lists of a sample, numbered in the order of time. */
import type { Json } from "@duckdb/node-api";
import type { ExposureColumnName } from "../../../contract/exposures.js";
import type { ColumnSchema } from "../../../contract/schema.js";
import { invalid } from "../../base/errors.js";
import { type DataFiles, openData } from "../../etl/data-source.js";
import type { Database } from "../../etl/database.js";
import { identifier } from "../../etl/sql/literal.js";
import type { ServedRows } from "../served-log.js";
import { SCORE } from "./check-plan.js";

const FIXED = ["request_id", "request_row", "time", "item", "position", SCORE] as const satisfies ExposureColumnName[];

export interface LoggedRows {
  /** Rows of the log, and of the sample. */
  readonly rows: number;
  readonly picked: number;
  /** Number of rows of each picked list. */
  readonly lists: readonly number[];
}

/**
 * Makes `logged`: list, place (both from 0), request, row, item, micros (the time), score, and `f0`, `f1`, … of the columns.
 * A list is what one request row showed at one time: clients may repeat request ids.
 * @param wanted rows to compare, about as many are picked; a list is picked as a whole
 * @throws RuntimeFault naming the file and column
 */
export async function loadLogged(
  database: Database,
  files: DataFiles,
  columns: readonly ColumnSchema[],
  wanted: number,
): Promise<LoggedRows> {
  const { relation, expressions } = await openData(database, files, columns, FIXED);
  const [[rows]] = (await database.rows(`SELECT count(*)::DOUBLE FROM ${relation}`, "counting the rows")) as [[number]];
  const share = Math.max(1, Math.ceil(rows / wanted));
  const pick = (every: number): Promise<void> =>
    database.run(
      `CREATE OR REPLACE TEMP TABLE lists AS SELECT *, row_number() OVER (ORDER BY "time", request_id, request_row) - 1 AS list FROM (
         SELECT request_id, request_row, "time", count(*)::INTEGER AS size FROM ${relation}
         WHERE md5_number_lower(concat(request_id, ':', request_row)) % ${every} = 0 GROUP BY request_id, request_row, "time")`,
      "choosing lists",
    );
  await pick(share);
  const counted = async () =>
    (await database.rows("SELECT size FROM lists ORDER BY list", "choosing lists")).map(([size]) => Number(size));
  let lists = await counted();
  // A few long lists: the sample may have missed them all.
  if (lists.length === 0) {
    await pick(1);
    lists = await counted();
  }
  await database.run(
    `CREATE OR REPLACE TEMP TABLE logged AS SELECT *, row_number() OVER (ORDER BY list, pos NULLS LAST, item) - 1 AS place FROM (
       SELECT list, r.request_id::VARCHAR AS request, r.request_row::BIGINT AS row, r.item::VARCHAR AS item, r."position" AS pos,
         epoch_us(CAST(r."time" AS TIMESTAMP)) AS micros, r.${identifier(SCORE)}::DOUBLE AS score${expressions.map((sql, i) => `, ${sql} AS f${i}`).join("")}
       FROM ${relation} r JOIN lists USING (request_id, request_row, "time")) ORDER BY place`,
    "reading the log",
  );
  return { rows, picked: lists.reduce((sum, size) => sum + size, 0), lists };
}

/** Rows of a plan of a model that the log has, the most first. */
export interface PlanRows extends ServedRows {
  readonly artefacts: string | null;
}

/** Plans and artefacts of one log that are named. */
const MOST_PLANS = 100;

/** @returns empty if the rows do not say their plan; and whether each list has all of its candidates @throws RuntimeFault */
export async function plansIn(
  database: Database,
  files: DataFiles,
): Promise<{ readonly plans: readonly PlanRows[]; readonly isWhole: boolean }> {
  const { relation } = await openData(database, files, [], FIXED);
  const described = await database.rows(`DESCRIBE SELECT * FROM ${relation}`, "reading the log");
  const names = new Set(described.map(([name]) => String(name)));
  const missing = ["model", "version", "plan", "log_rate"].find(name => !names.has(name));
  if (missing !== undefined)
    throw invalid(`\`${files.files[0]}\` has no column \`${missing}\`. Give an exposure log, or rows joined from one.`);
  const artefacts = names.has("artefacts") ? "artefacts" : "NULL";
  const found = await database.rows(
    `SELECT model::VARCHAR, version::VARCHAR, plan::VARCHAR, ${artefacts}::VARCHAR, count(*)::DOUBLE, min(log_rate)::DOUBLE, count(*) FILTER ("position" IS NULL)::DOUBLE
     FROM ${relation} GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC, 3 LIMIT ${MOST_PLANS}`,
    "reading the log",
  );
  const plans = found.map(([model, version, plan, files_, rows]: readonly Json[]) => ({
    model: String(model),
    version: String(version),
    plan: String(plan),
    artefacts: files_ === null ? null : String(files_),
    rows: Number(rows),
  }));
  return { plans, isWhole: found.every(row => Number(row[5]) === 1) && found.some(row => Number(row[6]) > 0) };
}
