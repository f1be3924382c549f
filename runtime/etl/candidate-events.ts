/** Events of users and items → a table in DuckDB: item, key, group, and age in seconds before the end. */
import type { Schema } from "../../contract/schema.js";
import { invalid } from "../base/errors.js";
import { schemaOfData } from "./data-schema.js";
import { findData, openData } from "./data-source.js";
import type { Database } from "./database.js";
import { identifier } from "./sql/literal.js";

export interface EventColumns {
  readonly item: string;
  /** Column of keys, such as a country. Without it there is one list for all. */
  readonly by?: string;
  /** Users or sessions, whose items belong together. */
  readonly group?: string;
  readonly time?: string;
  /** Seconds before the end that are read. */
  readonly window?: number;
}

export interface Events {
  readonly rows: number;
  /** Rows without an item, key or group. */
  readonly nulls: number;
  /** Rows that are older than the window. */
  readonly old: number;
  readonly itemType: "int64" | "string";
  /** int64 of one list for all. */
  readonly keyType: "int64" | "string";
  /** The schema that `merlon transform` wrote into the data; empty for other data. */
  readonly schema: Schema;
}

/** Makes the table `events` with `item`, `key`, `grp` and `age`. @throws RuntimeFault naming column and row */
export async function readEvents(
  database: Database,
  data: readonly string[],
  { item, by, group, time, window }: EventColumns,
): Promise<Events> {
  const asked = [item, by, group, time].filter(name => name !== undefined);
  const found = await findData(database, data);
  const { relation } = await openData(database, found, [], [...new Set(asked)]);
  const types = new Map<string, string>();
  for (const row of await database.rows(
    `DESCRIBE SELECT ${[...new Set(asked)].map(identifier).join(", ")} FROM ${relation}`,
    "reading the data",
  ))
    types.set(String(row[0]), String(row[1]));
  const itemType = idType(item, types.get(item)!);
  const keyType = by === undefined ? "int64" : idType(by, types.get(by)!);
  if (group !== undefined) idType(group, types.get(group)!);
  const seconds = time === undefined ? "0::DOUBLE" : secondsOf(time, types.get(time)!);
  const cast = (name: string | undefined, type: "int64" | "string"): string =>
    name === undefined ? "0::BIGINT" : type === "string" ? identifier(name) : `${identifier(name)}::BIGINT`;
  await database.run(
    `CREATE TEMP TABLE given AS SELECT ${cast(item, itemType)} AS item, ${cast(by, keyType)} AS key,
       ${group === undefined ? "0" : identifier(group)} AS grp, ${seconds} AS t, row_number() OVER () - 1 AS place FROM ${relation}`,
    "reading the events",
  );
  if (time !== undefined) await refuseOddTimes(database, time);
  const [[rows, nulls, last]] = (await database.rows(
    "SELECT count(*)::DOUBLE, count(*) FILTER (item IS NULL OR key IS NULL OR grp IS NULL)::DOUBLE, max(t) FROM given",
    "counting",
  )) as [[number, number, number | null]];
  const oldest = window === undefined ? "" : ` AND ${last ?? 0}::DOUBLE - t < ${window}::DOUBLE`;
  await database.run(
    `CREATE TEMP TABLE events AS SELECT item, key, grp, ${last ?? 0}::DOUBLE - t AS age FROM given
     WHERE item IS NOT NULL AND key IS NOT NULL AND grp IS NOT NULL${oldest}`,
    "choosing the events",
  );
  await database.run("DROP TABLE given", "choosing the events");
  const [[kept]] = (await database.rows("SELECT count(*)::DOUBLE FROM events", "counting")) as [[number]];
  if (kept === 0)
    throw invalid(
      `none of ${rows} events has ${asked.map(name => `\`${name}\``).join(", ")}. Look at these columns for nulls.`,
    );
  return { rows, nulls, old: rows - nulls - kept, itemType, keyType, schema: await schemaOfData(database, found) };
}

function idType(name: string, type: string): "int64" | "string" {
  if (type === "VARCHAR") return "string";
  if (/^U?(TINY|SMALL|BIG)?INT(EGER)?$/.test(type)) return "int64";
  throw invalid(`column \`${name}\` is ${type}; keys, users and items are integers or texts.`);
}

/** @returns SQL of a DOUBLE: seconds since any point in time */
function secondsOf(name: string, type: string): string {
  if (/^(TIMESTAMP|DATE)/.test(type)) return `epoch(${identifier(name)})`;
  if (/^(U?(TINY|SMALL|BIG)?INT(EGER)?|FLOAT|DOUBLE)$/.test(type)) return `${identifier(name)}::DOUBLE`;
  throw invalid(`column \`${name}\` is ${type}; a time is a timestamp, a date, or a number of seconds.`);
}

async function refuseOddTimes(database: Database, time: string): Promise<void> {
  const [odd] = (await database.rows(
    "SELECT place::DOUBLE, t::VARCHAR FROM given WHERE t IS NULL OR isnan(t) OR isinf(t) ORDER BY place LIMIT 1",
    "checking the times",
  )) as [number, string | null][];
  if (odd)
    throw invalid(
      `column \`${time}\` holds ${odd[1] ?? "a null"} in row ${odd[0]}. Leave such rows out, or correct them.`,
    );
}
