/** An opened log → the tables that events are matched with: `exposures`, `request_keys` and `user_keys`. */
import { parquetRelation } from "../data-formats.js";
import type { Database } from "../database.js";
import { identifier, text } from "../sql/literal.js";
import { type ExposureLog, isWhole, keyColumns } from "./exposure-log.js";
import { fault, findRow, shown } from "./find-row.js";
import type { Attribution } from "./options.js";

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
 * @throws RuntimeFault naming two exposures of one request, row and item
 */
export async function readExposures(database: Database, log: ExposureLog, keys: ExposureKeys): Promise<void> {
  const [request, row, item] = keyColumns(log);
  const user =
    keys.user === undefined
      ? "NULL::BIGINT"
      : `CAST(${identifier(keys.user)} AS ${keyType(log.types.get(keys.user)!)})`;
  await database.run(
    `CREATE TEMP TABLE exposures AS SELECT *, row_number() OVER (ORDER BY pos IS NULL, ${ORDER[keys.attribution]}) AS rank FROM (
       SELECT ${request} AS request_id, ${row} AS request_row, ${item} AS item, CAST("position" AS INTEGER) AS pos,
         epoch_us(CAST("time" AS TIMESTAMP)) AS t, ${user} AS usr FROM ${log.relation})`,
    "reading the exposures",
  );
  await refuseRepeated(database, log);
  const byRow = keys.byRow ? ", request_row" : "";
  await database.run(
    `CREATE TEMP TABLE requests AS SELECT DISTINCT request_id FROM exposures;
     CREATE TEMP TABLE request_keys AS SELECT request_id, item${byRow}, min(rank) AS k, bool_or(pos IS NOT NULL) AS shown
       FROM exposures GROUP BY request_id, item${byRow};
     CREATE TEMP TABLE user_keys AS SELECT usr, item, min(rank) AS k, bool_or(pos IS NOT NULL) AS shown
       FROM exposures WHERE usr IS NOT NULL GROUP BY usr, item`,
    "reading the exposures",
  );
}

async function refuseRepeated(database: Database, log: ExposureLog): Promise<void> {
  const [twice] = await database.rows(
    `SELECT request_id, request_row, item::VARCHAR, count(*)::DOUBLE FROM exposures GROUP BY ALL HAVING count(*) > 1
     ORDER BY 1, 2, 3 LIMIT 1`,
    "comparing the exposures",
  );
  if (!twice) return;
  const [request, row, item] = twice;
  const values = [request, row, item].map(value => text(String(value)));
  const found = await findRow(
    database,
    log.files,
    async file => parquetRelation([file], []),
    keyColumns(log)
      .map((sql, i) => `CAST(${sql} AS VARCHAR) = ${values[i]}`)
      .join(" AND "),
    "request_id",
  );
  throw fault(
    `${twice[3]} exposures have request_id ${shown(request)}, request_row ${row} and item ${shown(item)}, the first in \`${found!.file}\`, row ${found!.row}. Give each file once. Clients that set request ids must not repeat them.`,
  );
}

/** Counts of the log, from its table. */
export async function countExposures(
  database: Database,
): Promise<{ rows: number; shown: number; requests: number; from: string; to: string }> {
  const [[rows, seen, requests, from, to]] = (await database.rows(
    `SELECT count(*)::DOUBLE, count(pos)::DOUBLE, (SELECT count(*) FROM requests)::DOUBLE,
       strftime(make_timestamp(min(t)), '%Y-%m-%dT%H:%M:%S.%fZ'), strftime(make_timestamp(max(t)), '%Y-%m-%dT%H:%M:%S.%fZ') FROM exposures`,
    "counting the exposures",
  )) as [[number, number, number, string, string]];
  return { rows, shown: seen, requests, from, to };
}
