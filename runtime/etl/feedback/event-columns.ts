/** Which columns of the events are read, and the SQL that reads each. A value that cannot be read becomes NULL. */
import { invalid } from "../../base/errors.js";
import { didYouMean } from "../nearest-name.js";
import { isText, isWhole } from "./exposure-log.js";
import type { JoinSql } from "./join-sql.js";
import type { JoinOptions, TimeUnit } from "./options.js";

/** Names of the columns in the events; undefined for those that are not there. */
export interface EventColumns {
  readonly request: string | undefined;
  readonly row: string | undefined;
  readonly user: string | undefined;
  readonly item: string;
  readonly time: string;
  readonly name: string | undefined;
  readonly reward: string | undefined;
  readonly id: string | undefined;
}

/** The names that `columns` may rename, beside the user's. */
const ROLES = ["request_id", "request_row", "item", "time", "event"] as const;

/** @throws RuntimeFault naming a column that the events lack, with their columns */
export function chooseColumns(file: string, names: readonly string[], options: JoinOptions): EventColumns {
  const { columns = new Map<string, string>(), user, reward, eventId } = options;
  const roles = [...ROLES, ...(user === undefined ? [] : [user])];
  for (const role of columns.keys())
    if (!roles.includes(role))
      throw invalid(
        `\`--columns ${role}=${columns.get(role)}\`: \`${role}\` is not read from the events. It is one of ${roles.map(one => `\`${one}\``).join(", ")}.${didYouMean(role, roles)}`,
      );
  const must = (name: string, why: string): string => {
    if (names.includes(name)) return name;
    throw invalid(
      `\`${file}\` has no column \`${name}\`, ${why}; it has ${names.map(one => `\`${one}\``).join(", ")}.${didYouMean(name, names)}`,
    );
  };
  const needed = (role: string, why: string): string => must(columns.get(role) ?? role, why);
  const optional = (role: string): string | undefined =>
    columns.has(role) || names.includes(role) ? needed(role, "which `--columns` names") : undefined;
  const renamed = (role: string): string => `the ${role} of an event (\`--columns ${role}=NAME\` for another name)`;
  const found = {
    request: optional("request_id"),
    row: optional("request_row"),
    user: user === undefined ? undefined : needed(user, "the user of an event"),
    item: needed("item", renamed("item")),
    time: needed("time", renamed("time")),
    name: optional("event"),
    reward: reward === undefined ? undefined : must(reward, "which `--reward` names"),
    id: eventId === undefined ? undefined : must(eventId, "which `--event-id` names"),
  };
  if (found.request === undefined && found.user === undefined)
    throw invalid(
      `\`${file}\` has no column \`request_id\`. Name it with \`--columns request_id=NAME\`, or match by a user with \`--user COLUMN\`, a kept column of the log.`,
    );
  if (found.name === undefined && (options.rewards ?? options.labels) !== undefined)
    throw invalid(
      `\`${file}\` has no column \`event\`, which \`--event\` and \`--label-event\` compare. Name it with \`--columns event=NAME\`.`,
    );
  return found;
}

/** The distinct columns that are read. */
export const columnsRead = (columns: EventColumns): readonly string[] => [
  ...new Set(Object.values(columns).filter((name): name is string => name !== undefined)),
];

/** How a column is read. */
export interface ReadColumn {
  readonly column: string;
  /** SQL of the value. */
  readonly sql: string;
  /** SQL that holds if the value cannot be read. */
  readonly odd: string;
  readonly expected: string;
}

/** A value as text, NULL if blank. */
const filled = (name: string, { types }: JoinSql): string => `nullif(trim(CAST(${name} AS ${types.VARCHAR})), '')`;

/** An id in the type that the log has. NULL and a blank text count as none. */
export function idColumn(column: string, type: string, wanted: "BIGINT" | "VARCHAR", sql: JoinSql): ReadColumn {
  const name = sql.identifier(column);
  if (!isWhole(type) && !isText(type))
    throw invalid(
      `column \`${column}\` of the events is ${type}; ids are integers or texts.${/^(DOUBLE|FLOAT)$/.test(type) ? " pandas turns integers with nulls into floats: use its Int64." : ""}`,
    );
  if (wanted === "VARCHAR")
    return { column, sql: `nullif(CAST(${name} AS ${sql.types.VARCHAR}), '')`, odd: "false", expected: "a text" };
  const value = isWhole(type) ? `TRY_CAST(${name} AS BIGINT)` : wholeText(name, sql);
  const odd = `${filled(name, sql)} IS NOT NULL AND ${value} IS NULL`;
  return { column, sql: value, odd, expected: "an integer, as in the log" };
}

/** The cast alone rounds `1.5` to 2. */
const wholeText = (name: string, sql: JoinSql): string =>
  `CASE WHEN ${sql.fullMatch(filled(name, sql), "[+-]?[0-9]+")} THEN TRY_CAST(${filled(name, sql)} AS BIGINT) END`;

const PER_SECOND: Readonly<Record<TimeUnit, number>> = { s: 1_000_000, ms: 1000, us: 1 };
/** Microseconds of the years 1 to 9999. */
const [FIRST, LAST] = [-62_135_596_800_000_000n, 253_402_300_799_999_999n];

/** An event's time as BIGINT: microseconds since 1970, UTC. */
export function timeColumn(
  column: string,
  type: string,
  { timeUnit, timeZone }: JoinOptions,
  dialect: JoinSql,
): ReadColumn {
  const micros = microsOf(column, type, { unit: timeUnit ?? "s", zone: timeZone, sql: dialect });
  if (micros === undefined)
    throw invalid(
      `column \`${column}\` of the events is ${type}; a time is a timestamp, an ISO 8601 text, or a number since 1970.${type === "DATE" ? " A date cannot be compared with the time of an exposure." : ""}`,
    );
  const sql = `CASE WHEN ${micros} BETWEEN ${FIRST} AND ${LAST} THEN ${micros} END`;
  return {
    column,
    sql,
    odd: `${sql} IS NULL`,
    expected: `a time of the years 1 to 9999: ISO 8601, or a number in ${timeUnit ?? "s"} since 1970 (\`--time-unit\`)`,
  };
}

function microsOf(
  column: string,
  type: string,
  { unit, zone, sql }: { readonly unit: TimeUnit; readonly zone: string | undefined; readonly sql: JoinSql },
): string | undefined {
  const { types } = sql;
  const name = sql.identifier(column);
  const local = (time: string): string => sql.micros(time, zone);
  const number = (value: string): string => `TRY_CAST(round(${value} * ${PER_SECOND[unit]}) AS ${types.HUGEINT})`;
  if (type === "TIMESTAMP WITH TIME ZONE") return sql.microsOfInstant(name);
  if (/^TIMESTAMP(_S|_MS|_NS)?$/.test(type)) return local(`CAST(${name} AS ${types.TIMESTAMP})`);
  if (isWhole(type)) return `CAST(${name} AS ${types.HUGEINT}) * ${PER_SECOND[unit]}`;
  if (/^(FLOAT|DOUBLE|DECIMAL\(.*\))$/.test(type)) return number(`CAST(${name} AS DOUBLE)`);
  if (!isText(type)) return undefined;
  const value = filled(name, sql);
  const isNumber = sql.fullMatch(value, "[+-]?[0-9]+([.][0-9]*)?");
  const isNaive = sql.fullMatch(value, "[0-9-]+([T ]+[0-9:.]+)?");
  return `CASE WHEN ${isNumber} THEN ${number(`TRY_CAST(${value} AS DECIMAL(30, 6))`)}
    WHEN ${isNaive} THEN ${local(`TRY_CAST(${value} AS ${types.TIMESTAMP})`)}
    ELSE ${sql.microsOfInstant(`TRY_CAST(${value} AS ${sql.instant})`)} END`;
}

/** Rewards have this many decimal places, so that sums do not depend on the order of events. */
export const REWARD_TYPE = "DECIMAL(38, 9)";
/** The largest reward of an event. */
export const MOST_REWARD = 1_000_000_000_000;

/** A reward as DECIMAL. NULL is allowed. */
export function rewardColumn(column: string, type: string, dialect: JoinSql): ReadColumn {
  const name = dialect.identifier(column);
  if (!isWhole(type) && !isText(type) && !/^(FLOAT|DOUBLE|DECIMAL\(.*\)|BOOLEAN)$/.test(type))
    throw invalid(`column \`${column}\` of the events is ${type}; a reward is a number.`);
  const number = `TRY_CAST(${isText(type) ? filled(name, dialect) : name} AS DOUBLE)`;
  const sql = `CASE WHEN abs(${number}) <= ${MOST_REWARD} THEN CAST(${number} AS ${REWARD_TYPE}) END`;
  return {
    column,
    sql,
    odd: `${filled(name, dialect)} IS NOT NULL AND ${sql} IS NULL`,
    expected: `a number between -${MOST_REWARD} and ${MOST_REWARD}`,
  };
}
