/** Files of events → the table `events`: each with its key in the log, or the reason that it has none. */

import { column } from "../../../contract/schema.js";
import { invalid } from "../../base/errors.js";
import { arrowTypes } from "../arrow-data.js";
import { type DataFormat, parquetRelation, textRelation } from "../data-formats.js";
import { type DataFiles, findData, openData, typesOf } from "../data-source.js";
import type { Database } from "../database.js";
import type { Engine } from "../engine.js";
import { didYouMean } from "../nearest-name.js";
import { text } from "../sql/literal.js";
import {
  chooseColumns,
  columnsRead,
  type EventColumns,
  idColumn,
  REWARD_TYPE,
  type ReadColumn,
  rewardColumn,
  timeColumn,
} from "./event-columns.js";
import { type ExposureLog, type Locate, typeIn } from "./exposure-log.js";
import { findRow, shown } from "./find-row.js";
import { type JoinSql, joinSql } from "./join-sql.js";
import type { JoinOptions } from "./options.js";
import { keyType } from "./read-exposures.js";

/** Events that an engine can read. */
export interface EventTable {
  readonly files: readonly string[];
  readonly columns: EventColumns;
  /** `FROM` this. */
  readonly relation: string;
  /** DuckDB's types of the columns. */
  readonly types: ReadonlyMap<string, string>;
  /** Undefined for text formats. */
  readonly rows: number | undefined;
  /** Finds the first row of a condition in the files. @param read columns that it names */
  locate(condition: string, value: string, read: readonly string[]): ReturnType<Locate>;
}

/** @throws RuntimeFault naming the file and column at fault */
export async function openEvents(
  database: Database,
  paths: readonly string[],
  options: JoinOptions,
): Promise<EventTable> {
  const found = await findData(database, paths);
  const { files } = found;
  const columns = chooseColumns(files[0]!, await namesOf(database, found.format, files[0]!), options);
  const read = columnsRead(columns);
  if (options.timeZone !== undefined) await checkZone(database, options.timeZone);
  const { relation, rows } = await openRead(database, found, read);
  const types = await typesOf(database, relation, files[0]!);
  const relationOf = (named: readonly string[]) => async (file: string) => {
    await database.run("DROP TABLE IF EXISTS merlon_arrow", "reading the events");
    return (await openRead(database, { ...found, files: [file] }, named, true)).relation;
  };
  const locate: EventTable["locate"] = (condition, value, named) =>
    findRow(database, files, relationOf(named), condition, value);
  return { files, columns, relation, types, rows, locate };
}

async function checkZone(database: Database, zone: string): Promise<void> {
  await database.rows(`SELECT timezone(${text(zone)}, TIMESTAMP '2000-01-01')`, "reading the time zone").catch(() => {
    throw invalid(`there is no time zone ${shown(zone)}. Name one as \`Europe/Brussels\` or \`UTC\`.`);
  });
}

const isTyped = (format: DataFormat): boolean => format === "parquet" || format === "arrow";

/** Text formats are read as text, so that `007` stays an id. */
const openRead = (database: Database, found: DataFiles, read: readonly string[], mayBeEmpty = false) =>
  isTyped(found.format)
    ? openData(database, found, [], read, mayBeEmpty)
    : openData(
        database,
        found,
        read.map(name => column(name, "string")),
        [],
        mayBeEmpty,
      );

async function namesOf(database: Database, format: DataFormat, file: string): Promise<readonly string[]> {
  if (format === "arrow") return [...(await arrowTypes(file)).keys()];
  const relation =
    format === "parquet" ? parquetRelation([file], []) : textRelation(format as "csv" | "json", [file], [], true);
  return [...(await typesOf(database, relation, file)).keys()];
}

/** The columns of `events`, and the values that are at fault. */
function readColumns({ columns, types }: EventTable, log: ExposureLog, options: JoinOptions, sql: JoinSql) {
  const typeOf = (name: string): string => types.get(name)!;
  const id = (name: string | undefined, wanted: "BIGINT" | "VARCHAR"): ReadColumn | undefined =>
    name === undefined ? undefined : idColumn(name, typeOf(name), wanted, sql);
  return {
    request: id(columns.request, "VARCHAR"),
    row: id(columns.row, "BIGINT"),
    user: id(columns.user, options.user === undefined ? "VARCHAR" : keyType(log.types.get(options.user)!)),
    item: id(columns.item, log.itemType)!,
    time: timeColumn(columns.time, typeOf(columns.time), options, sql),
    reward: columns.reward === undefined ? undefined : rewardColumn(columns.reward, typeOf(columns.reward), sql),
    id: columns.id === undefined ? undefined : eventId(columns.id, typeOf(columns.id), sql),
  };
}

/** Every event has one. */
function eventId(name: string, type: string, sql: JoinSql): ReadColumn {
  const read = idColumn(name, type, "VARCHAR", sql);
  return { ...read, odd: `${read.sql} IS NULL`, expected: "the id of the event" };
}

/** The name of an event, its reward and whether it makes a label. */
function valuesOf(
  { columns }: EventTable,
  { rewards, labels }: JoinOptions,
  reward: ReadColumn | undefined,
  { identifier: named, text: literal, types }: JoinSql,
) {
  const name = columns.name === undefined ? "''" : `coalesce(CAST(${named(columns.name)} AS ${types.VARCHAR}), '')`;
  const counted = rewards || labels ? [...new Set([...(rewards?.keys() ?? []), ...(labels ?? [])])] : undefined;
  const oneOf = (names: readonly string[]): string => `${name} IN (${names.map(literal).join(", ")})`;
  const byName = [...(rewards ?? [])].map(([of, value]) => `WHEN ${name} = ${literal(of)} THEN ${value}`).join(" ");
  return {
    name,
    counted,
    isOther: counted ? `NOT (${oneOf(counted)})` : "false",
    reward: reward ? `coalesce(${reward.sql}, 0)` : rewards ? `CASE ${byName} ELSE 0 END` : "1",
    label: labels ? oneOf(labels) : "true",
  };
}

/**
 * Makes the table `events`: `reason` it counts for nothing or NULL, `by_request`, key `k`, `name`, time `t`, `reward`, `label`, `id`.
 * @throws RuntimeFault naming the file, row, column and value at fault
 */
export async function readEvents(
  engine: Engine,
  events: EventTable,
  log: ExposureLog,
  options: JoinOptions,
  onFraction?: (fraction: number) => void,
): Promise<void> {
  const sql = joinSql(engine);
  const { table, types } = sql;
  const read = readColumns(events, log, options, sql);
  const values = valuesOf(events, options, read.reward, sql);
  const rules = [read.time, read.item, read.request, read.row, read.user, read.reward, read.id].filter(
    rule => rule !== undefined,
  );
  const odd = rules.map((rule, i) => `WHEN ${rule.odd} THEN ${i + 1}`).join(" ");
  const none = `CAST(NULL AS ${types.VARCHAR})`;
  const noUser = `CAST(NULL AS ${options.user === undefined ? "BIGINT" : typeIn(types, keyType(log.types.get(options.user)!))})`;
  const byRow = read.row ? " AND kr.request_row = e.row" : "";
  await engine.run(
    table(
      "events",
      `SELECT
       CASE WHEN other THEN 'otherNames' WHEN e.item IS NULL OR (rid IS NULL AND e.usr IS NULL) THEN 'withoutKey'
         WHEN coalesce(kr.shown, ku.shown) THEN NULL WHEN coalesce(kr.k, ku.k) IS NOT NULL THEN 'notShown'
         WHEN q.request_id IS NOT NULL THEN 'notInList' WHEN rid IS NOT NULL THEN 'unknownRequests' ELSE 'withoutExposure' END AS reason,
       rid IS NOT NULL AS by_request, coalesce(kr.k, ku.k) AS k, name, t, reward, label, id, odd, no_reward
     FROM (SELECT *, CASE WHEN rid IS NULL THEN given_user END AS usr FROM (
       SELECT ${read.request?.sql ?? none} AS rid, ${read.row?.sql ?? "0"} AS row, ${read.user?.sql ?? noUser} AS given_user,
         ${read.item.sql} AS item, CAST(${read.time.sql} AS BIGINT) AS t, ${values.name} AS name, ${values.isOther} AS other,
         CAST(${values.reward} AS ${REWARD_TYPE}) AS reward, ${values.label} AS label, ${read.id?.sql ?? none} AS id,
         ${read.reward ? `(${read.reward.sql}) IS NULL` : "false"} AS no_reward, CASE ${odd} ELSE 0 END AS odd
       FROM ${events.relation}) given) e
     LEFT JOIN requests q ON q.request_id = e.rid
     LEFT JOIN request_keys kr ON kr.request_id = e.rid AND kr.item = e.item${byRow}
     LEFT JOIN user_keys ku ON ku.usr = e.usr AND ku.item = e.item`,
    ),
    "reading the events",
    onFraction,
  );
  await refuseOdd(engine, events, rules);
  if (values.counted) await needNames(engine, values.counted);
}

async function refuseOdd(engine: Engine, events: EventTable, rules: readonly ReadColumn[]): Promise<void> {
  const [[rows, odd]] = (await engine.rows(
    "SELECT CAST(count(*) AS DOUBLE), coalesce(min(nullif(odd, 0)), 0) FROM events",
    "checking the events",
  )) as [[number, number]];
  if (rows === 0) throw invalid(`\`${events.files[0]}\` has no rows. There are no events to join.`);
  if (odd === 0) return;
  const rule = rules[odd - 1]!;
  const read = [...new Set(rules.map(one => one.column))];
  const place = await events.locate(rule.odd, joinSql(engine).identifier(rule.column), read);
  const column = `\`${place!.file}\`: column \`${rule.column}\``;
  throw invalid(
    `${column} has ${shown(place!.value)} in row ${place!.row}, expected ${rule.expected}. Correct the row, or leave it out.`,
  );
}

/** A misspelt name would make every label 0. */
async function needNames(engine: Engine, counted: readonly string[]): Promise<void> {
  const isCounted = `name IN (${counted.map(joinSql(engine).text).join(", ")})`;
  const [[count]] = (await engine.rows(
    `SELECT CAST(count(*) AS DOUBLE) FROM events WHERE ${isCounted}`,
    "reading the names of events",
  )) as [[number]];
  if (count > 0) return;
  const rows = await engine.rows(
    "SELECT name FROM events GROUP BY name ORDER BY count(*) DESC, name LIMIT 100",
    "reading the names of events",
  );
  const names = rows.map(([name]) => String(name));
  const some = names.slice(0, 10).map(name => shown(name));
  throw invalid(
    `no event is named ${counted.map(name => shown(name)).join(" or ")}; the names are ${some.join(", ")}${names.length > 10 ? " and others" : ""}.${didYouMean(counted[0]!, names)}`,
  );
}
