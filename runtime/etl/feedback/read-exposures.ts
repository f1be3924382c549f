/** An opened log → the tables that events are matched with: `exposures`, `request_keys` and `user_keys`. */
import type { Engine } from "../engine.js";
import { type ExposureLog, isWhole, keyColumns, typeIn } from "./exposure-log.js";
import { joinSql } from "./join-sql.js";
import type { Attribution, JoinReport } from "./options.js";

/**
 * How the exposures of an event's window are ordered: the first one counts. Every column of the row's key ends the order, so that it does
 * not depend on the order of files and rows.
 */
const ORDER: Readonly<Record<Attribution, string>> = {
  last: "t DESC, pos, request_id, request_row, item",
  position: "pos, t DESC, request_id, request_row, item",
  all: "t DESC, pos, request_id, request_row, item",
};

export interface ExposureKeys {
  readonly attribution: Attribution;
  /** Kept column of users. */
  readonly user: string | undefined;
  /** Events have the row of the request, too. */
  readonly byRow: boolean;
}

/** DuckDB's type of a key that is compared. */
export const keyType = (type: string): "BIGINT" | "VARCHAR" => (isWhole(type) ? "BIGINT" : "VARCHAR");

/**
 * Makes the tables. `exposures` has the key of each exposure, its place `pos`, time `t` in microseconds and user `usr`. `rank` numbers them
 * in the order of attribution. The others have a key `k` for each pair of request or user and item, and whether it was ever shown.
 */
export async function readExposures(engine: Engine, log: ExposureLog, keys: ExposureKeys): Promise<void> {
  const { identifier, micros, table, types } = joinSql(engine);
  const [request, row, item] = keyColumns(log, "", types);
  const user =
    keys.user === undefined
      ? "CAST(NULL AS BIGINT)"
      : `CAST(${identifier(keys.user)} AS ${typeIn(types, keyType(log.types.get(keys.user)!))})`;
  await engine.run(
    table(
      "exposures",
      `SELECT *, row_number() OVER (ORDER BY pos IS NULL, ${ORDER[keys.attribution]}) AS rank FROM (
       SELECT ${request} AS request_id, ${row} AS request_row, ${item} AS item, CAST(${identifier("position")} AS INTEGER) AS pos,
         ${micros(`CAST(${identifier("time")} AS ${types.TIMESTAMP})`)} AS t, ${user} AS usr FROM ${log.relation}) read`,
    ),
    "reading the exposures",
  );
  const byRow = keys.byRow ? ", request_row" : "";
  const made: Readonly<Record<string, string>> = {
    requests: "SELECT DISTINCT request_id FROM exposures",
    request_keys: `SELECT request_id, item${byRow}, min(rank) AS k, bool_or(pos IS NOT NULL) AS shown
       FROM exposures GROUP BY request_id, item${byRow}`,
    user_keys: `SELECT usr, item, min(rank) AS k, bool_or(pos IS NOT NULL) AS shown
       FROM exposures WHERE usr IS NOT NULL GROUP BY usr, item`,
  };
  for (const [name, select] of Object.entries(made)) await engine.run(table(name, select), "reading the exposures");
}

/** Counts of the log, from its table. */
export async function countExposures(engine: Engine): Promise<Omit<JoinReport["exposures"], "repeated">> {
  const { types, time } = joinSql(engine);
  const [[rows, seen, requests, from, to]] = (await engine.rows(
    `SELECT CAST(count(*) AS DOUBLE), CAST(count(pos) AS DOUBLE), CAST((SELECT count(*) FROM requests) AS DOUBLE),
       CAST(${time("min(t)")} AS ${types.VARCHAR}), CAST(${time("max(t)")} AS ${types.VARCHAR}) FROM exposures`,
    "counting the exposures",
  )) as [[number, number, number, string, string]];
  return { rows, shown: seen, requests, from: isoOf(from), to: isoOf(to) };
}

/** `2026-01-01 00:00:01.5` → `2026-01-01T00:00:01.500000Z` */
function isoOf(time: string): string {
  const [seconds = "", fraction = ""] = time.replace(" ", "T").split(".");
  return `${seconds}.${fraction.padEnd(6, "0")}Z`;
}
