/**
 * A log → the log without the lists of repeated request ids. Any client can repeat a request id. The first list of
 * each id and row counts, and the others are left out.
 */
import type { Engine } from "../engine.js";
import { type ExposureLog, keyColumns } from "./exposure-log.js";
import { joinSql } from "./join-sql.js";
import type { JoinReport } from "./options.js";

/** Request ids that a report names. */
const EXAMPLES = 5;

/**
 * Makes the table `repeated`, which the relation of the new log reads. A list is repeated if its request and row have an item or a position
 * twice.
 * @returns the log, and the rows that it lacks
 */
export async function keepFirstLists(
  engine: Engine,
  log: ExposureLog,
): Promise<{ readonly log: ExposureLog; readonly repeated: JoinReport["exposures"]["repeated"] }> {
  const { identifier, micros, table, types } = joinSql(engine);
  const position = identifier("position");
  const t = micros(`CAST(${identifier("time")} AS ${types.TIMESTAMP})`);
  const [request, row, item] = keyColumns(log, "", types);
  const keys = `SELECT ${request} AS request_id, ${row} AS request_row, ${item} AS item, ${position} AS pos, ${t} AS t FROM ${log.relation}`;
  const twice = (column: string): string =>
    `SELECT request_id, request_row FROM (${keys}) k WHERE ${column} IS NOT NULL GROUP BY request_id, request_row, ${column} HAVING count(*) > 1`;
  const doing = "comparing the exposures";
  await engine.run(
    table(
      "repeated",
      `SELECT k.request_id, k.request_row, min(k.t) AS first, count(*) AS all_rows FROM (${keys}) k
       JOIN (${twice("item")} UNION ${twice("pos")}) twice ON twice.request_id = k.request_id AND twice.request_row = k.request_row
       GROUP BY k.request_id, k.request_row`,
    ),
    doing,
  );
  const [[rows, requests]] = (await engine.rows(
    "SELECT CAST(coalesce(sum(all_rows), 0) AS DOUBLE), CAST(count(DISTINCT request_id) AS DOUBLE) FROM repeated",
    doing,
  )) as [[number, number]];
  if (requests === 0) return { log, repeated: { rows: 0, requests: 0, examples: [] } };
  const on = keyColumns(log, "s.", types)
    .slice(0, 2)
    .map((key, i) => `${key} = r.${["request_id", "request_row"][i]}`)
    .join(" AND ");
  const first = `SELECT * FROM (SELECT s.*, row_number() OVER (PARTITION BY r.request_id, r.request_row, ${keyColumns(log, "s.", types)[2]} ORDER BY s.${position} NULLS LAST) AS merlon_copy
    FROM ${log.relation} s JOIN repeated r ON ${on} AND ${t} = r.first) copies WHERE merlon_copy = 1`;
  const others = `SELECT s.*, 1 AS merlon_copy FROM ${log.relation} s LEFT JOIN repeated r ON ${on} WHERE r.request_id IS NULL`;
  const [[kept]] = (await engine.rows(`SELECT CAST(count(*) AS DOUBLE) FROM (${first}) kept`, doing)) as [[number]];
  const examples = await engine.rows(
    `SELECT DISTINCT request_id FROM repeated ORDER BY request_id LIMIT ${EXAMPLES}`,
    doing,
  );
  return {
    log: { ...log, relation: `(${others} UNION ALL ${first})` },
    repeated: { rows: rows - kept, requests, examples: examples.map(([id]) => String(id)) },
  };
}
