/** Files of events → the table `events`: each with its key in the log, or the reason that it has none. */
import { column } from "../../../contract/schema.js";
import { arrowTypes } from "../arrow-data.js";
import { type DataFormat, parquetRelation, textRelation } from "../data-formats.js";
import { type DataFiles, findData, openData } from "../data-source.js";
import type { Database } from "../database.js";
import { didYouMean } from "../nearest-name.js";
import { identifier, text } from "../sql/literal.js";
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
import { type ExposureLog, typesOf } from "./exposure-log.js";
import { fault, findRow, shown } from "./find-row.js";
import type { JoinOptions } from "./options.js";
import { keyType } from "./read-exposures.js";

export interface EventFiles {
  readonly found: DataFiles;
  readonly columns: EventColumns;
  readonly relation: string;
  readonly types: ReadonlyMap<string, string>;
  /** Undefined for text formats. */
  readonly rows: number | undefined;
}

/** @throws RuntimeFault naming the file and column at fault */
export async function openEvents(
  database: Database,
  paths: readonly string[],
  options: JoinOptions,
): Promise<EventFiles> {
  const found = await findData(database, paths);
  const [file] = found.files;
  const columns = chooseColumns(file!, await namesOf(database, found.format, file!), options);
  const read = columnsRead(columns);
  if (options.timeZone !== undefined) await checkZone(database, options.timeZone);
  const { relation, rows } = await openRead(database, found, read);
  return { found, columns, relation, types: await typesOf(database, relation, file!), rows };
}

async function checkZone(database: Database, zone: string): Promise<void> {
  await database.rows(`SELECT timezone(${text(zone)}, TIMESTAMP '2000-01-01')`, "reading the time zone").catch(() => {
    throw fault(`there is no time zone ${shown(zone)}. Name one as \`Europe/Brussels\` or \`UTC\`.`);
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
function readColumns({ columns, types }: EventFiles, log: ExposureLog, options: JoinOptions) {
  const typeOf = (name: string): string => types.get(name)!;
  const id = (name: string | undefined, wanted: "BIGINT" | "VARCHAR"): ReadColumn | undefined =>
    name === undefined ? undefined : idColumn(name, typeOf(name), wanted);
  return {
    request: id(columns.request, "VARCHAR"),
    row: id(columns.row, "BIGINT"),
    user: id(columns.user, options.user === undefined ? "VARCHAR" : keyType(log.types.get(options.user)!)),
    item: id(columns.item, log.itemType)!,
    time: timeColumn(columns.time, typeOf(columns.time), options),
    reward: columns.reward === undefined ? undefined : rewardColumn(columns.reward, typeOf(columns.reward)),
    id: columns.id === undefined ? undefined : eventId(columns.id, typeOf(columns.id)),
  };
}

/** Every event has one. */
function eventId(name: string, type: string): ReadColumn {
  const read = idColumn(name, type, "VARCHAR");
  return { ...read, odd: `${read.sql} IS NULL`, expected: "the id of the event" };
}

/** The name of an event, its reward and whether it makes a label. */
function valuesOf({ columns }: EventFiles, options: JoinOptions, reward: ReadColumn | undefined) {
  const { rewards, labels } = options;
  const name = columns.name === undefined ? "''" : `coalesce(CAST(${identifier(columns.name)} AS VARCHAR), '')`;
  const counted = rewards || labels ? [...new Set([...(rewards?.keys() ?? []), ...(labels ?? [])])] : undefined;
  const oneOf = (names: readonly string[]): string => `${name} IN (${names.map(text).join(", ")})`;
  const byName = [...(rewards ?? [])].map(([of, value]) => `WHEN ${name} = ${text(of)} THEN ${value}`).join(" ");
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
  database: Database,
  files: EventFiles,
  log: ExposureLog,
  options: JoinOptions,
  onFraction?: (fraction: number) => void,
): Promise<void> {
  const read = readColumns(files, log, options);
  const values = valuesOf(files, options, read.reward);
  const rules = [read.time, read.item, read.request, read.row, read.user, read.reward, read.id].filter(
    rule => rule !== undefined,
  );
  const odd = rules.map((rule, i) => `WHEN ${rule.odd} THEN ${i + 1}`).join(" ");
  const none = "NULL::VARCHAR";
  const byRow = read.row ? " AND kr.request_row = e.row" : "";
  await database.run(
    `CREATE TEMP TABLE events AS SELECT
       CASE WHEN other THEN 'otherNames' WHEN e.item IS NULL OR (rid IS NULL AND e.usr IS NULL) THEN 'withoutKey'
         WHEN coalesce(kr.shown, ku.shown) THEN NULL WHEN coalesce(kr.k, ku.k) IS NOT NULL THEN 'notShown'
         WHEN q.request_id IS NOT NULL THEN 'notInList' WHEN rid IS NOT NULL THEN 'unknownRequests' ELSE 'withoutExposure' END AS reason,
       rid IS NOT NULL AS by_request, coalesce(kr.k, ku.k) AS k, name, t, reward, label, id, odd, no_reward
     FROM (SELECT *, CASE WHEN rid IS NULL THEN given_user END AS usr FROM (
       SELECT ${read.request?.sql ?? none} AS rid, ${read.row?.sql ?? "0"} AS row, ${read.user?.sql ?? "NULL::BIGINT"} AS given_user,
         ${read.item.sql} AS item, ${read.time.sql}::BIGINT AS t, ${values.name} AS name, ${values.isOther} AS other,
         CAST(${values.reward} AS ${REWARD_TYPE}) AS reward, ${values.label} AS label, ${read.id?.sql ?? none} AS id,
         ${read.reward ? `(${read.reward.sql}) IS NULL` : "false"} AS no_reward, CASE ${odd} ELSE 0 END AS odd
       FROM ${files.relation})) e
     LEFT JOIN requests q ON q.request_id = e.rid
     LEFT JOIN request_keys kr ON kr.request_id = e.rid AND kr.item = e.item${byRow}
     LEFT JOIN user_keys ku ON ku.usr = e.usr AND ku.item = e.item`,
    "reading the events",
    onFraction,
  );
  await refuseOdd(database, files, rules);
  if (values.counted) await needNames(database, values.counted);
}

async function refuseOdd(database: Database, { found }: EventFiles, rules: readonly ReadColumn[]): Promise<void> {
  const [[rows, odd]] = (await database.rows(
    "SELECT count(*)::DOUBLE, coalesce(min(nullif(odd, 0)), 0) FROM events",
    "checking the events",
  )) as [[number, number]];
  if (rows === 0) throw fault(`\`${found.files[0]}\` has no rows. There are no events to join.`);
  if (odd === 0) return;
  const rule = rules[odd - 1]!;
  const read = [...new Set(rules.map(one => one.column))];
  const place = await findRow(
    database,
    found.files,
    async file => {
      await database.run("DROP TABLE IF EXISTS merlon_arrow", "reading the events");
      return (await openRead(database, { ...found, files: [file] }, read, true)).relation;
    },
    rule.odd,
    identifier(rule.column),
  );
  const column = `\`${place!.file}\`: column \`${rule.column}\``;
  throw fault(
    `${column} has ${shown(place!.value)} in row ${place!.row}, expected ${rule.expected}. Correct the row, or leave it out.`,
  );
}

/** A misspelt name would make every label 0. */
async function needNames(database: Database, counted: readonly string[]): Promise<void> {
  const isCounted = `name IN (${counted.map(text).join(", ")})`;
  const [[count]] = (await database.rows(
    `SELECT count(*)::DOUBLE FROM events WHERE ${isCounted}`,
    "reading the names of events",
  )) as [[number]];
  if (count > 0) return;
  const rows = await database.rows(
    "SELECT name FROM events GROUP BY name ORDER BY count(*) DESC, name LIMIT 100",
    "reading the names of events",
  );
  const names = rows.map(([name]) => String(name));
  const some = names.slice(0, 10).map(name => shown(name));
  throw fault(
    `no event is named ${counted.map(name => shown(name)).join(" or ")}; the names are ${some.join(", ")}${names.length > 10 ? " and others" : ""}.${didYouMean(counted[0]!, names)}`,
  );
}
