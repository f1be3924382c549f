/** Joined rows of an exposure log → a temporary table of rows that have been checked. */
import { EXPOSURE_COLUMNS, type ExposureColumnName } from "../../contract/exposures.js";
import { invalid } from "../base/errors.js";
import { findData, openData } from "../etl/data-source.js";
import type { Database } from "../etl/database.js";
import { identifier } from "../etl/sql/literal.js";
import type { LogColumns } from "./log-columns.js";
import { refuseOddRows } from "./odd-rows.js";
import { featureColumns } from "./reward-model/columns.js";
import type { ServedRows } from "./served-log.js";

const FIXED = ["request_id", "request_row", "item", "position", "propensity"] as const satisfies ExposureColumnName[];

/**
 * Makes the table `logged`. Its columns are request, row, item, position, propensity, reward, policy, predicted, marginal_policy,
 * marginal_propensity, logged_score, complete and segment. `policy` is a probability or a score. `complete` is false for a row that was logged by chance.
 * A column that the caller does not name is null. The columns that a replay reads are f0, f1, … and those of a fitted reward model m0, m1, …
 * @returns names of the columns m0, m1, … @throws RuntimeFault naming a column or a row
 */
export async function loadLog(
  database: Database,
  data: readonly string[],
  columns: LogColumns,
): Promise<readonly string[]> {
  const { policy, reward, predicted, marginalPolicy, marginalPropensity, segment } = columns;
  const scored = policy.kind === "replay" ? undefined : policy.column;
  const replayed = policy.kind === "replay" ? policy.columns : [];
  const logged = columns.loggedDraw && "score";
  const named = [
    reward,
    scored,
    predicted,
    marginalPolicy,
    marginalPropensity,
    segment,
    logged,
    ...(columns.fitRewards?.columns ?? []),
  ];
  const wanted = [...new Set([...FIXED, ...named.filter(name => name !== undefined)])];
  const { relation, expressions } = await openData(database, await findData(database, data), replayed, wanted);
  const types = new Map(
    (await database.rows(`DESCRIBE SELECT * FROM ${relation}`, "reading the log")).map(row => [
      String(row[0]),
      String(row[1]),
    ]),
  );
  const number = (name: string | undefined): string => {
    if (name === undefined) return "NULL::DOUBLE";
    const type = types.get(name)!;
    if (!NUMBERS.test(type))
      throw invalid(`column \`${name}\` is ${type}, expected numbers. Write it as DOUBLE, or name another column.`);
    return `${identifier(name)}::DOUBLE`;
  };
  const integer = (name: ExposureColumnName): string => {
    const type = types.get(name)!;
    if (!INTEGERS.test(type)) throw invalid(`column \`${name}\` is ${type}, expected ${typeOf(name)}. ${NOT_A_LOG}`);
    return identifier(name);
  };
  const features = featureColumns(types, columns, type => NUMBERS.test(type));
  await refuseMixed(database, relation, types);
  if (policy.kind === "replay") policy.check(await servedRows(database, relation, types));
  await database.run(
    `CREATE TEMP TABLE logged AS SELECT request_id::VARCHAR AS request, ${integer("request_row")}::BIGINT AS row, item::VARCHAR AS item,
       ${integer("position")}::BIGINT AS position, ${number("propensity")} AS propensity, ${number(reward)} AS reward,
       ${number(scored)} AS policy, ${number(predicted)} AS predicted, ${number(marginalPolicy)} AS marginal_policy,
       ${number(marginalPropensity)} AS marginal_propensity, ${number(logged)} AS logged_score, ${types.has("log_rate") ? "log_rate IS NOT DISTINCT FROM 1" : "true"} AS complete,
       ${segment === undefined ? "NULL" : identifier(segment)}::VARCHAR AS segment
       ${expressions.map((sql, i) => `, ${sql} AS f${i}`).join("")}
       ${features.map((name, i) => `, ${bounded(number(name))} AS m${i}`).join("")}
     FROM ${relation}`,
    "reading the log",
  );
  await refuseOddRows(database, columns);
  return features;
}

/** Null for values whose squares overflow, and for NaN. */
const bounded = (sql: string): string => `CASE WHEN abs(${sql}) <= 1e100 THEN ${sql} END`;

const INTEGERS = /^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/;
const NUMBERS = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\(.*\)|BOOLEAN)$/;
const NOT_A_LOG = "Give an exposure log, or rows that `merlon feedback join` wrote from one.";
const typeOf = (name: ExposureColumnName): string => EXPOSURE_COLUMNS.find(column => column.name === name)!.type;

/** Rows of several models, or rows that were sampled, are not whole lists of one policy's choice. */
async function refuseMixed(database: Database, relation: string, types: ReadonlyMap<string, string>): Promise<void> {
  if (types.has("model")) {
    const models = await database.rows(`SELECT DISTINCT model::VARCHAR FROM ${relation} LIMIT 3`, "reading the log");
    if (models.length > 1)
      throw invalid(
        `the log has rows of several models: ${models.map(([name]) => `\`${name}\``).join(", ")}. Give the folder of one model.`,
      );
  }
  if (types.has("weight")) await refuseSampled(database, relation, types.has("event_time"));
  if (types.has("log_rate")) {
    const [[partial]] = (await database.rows(
      `SELECT count(*)::DOUBLE FROM ${relation} WHERE log_rate < 1 AND position IS NOT NULL`,
      "reading the log",
    )) as [[number]];
    if (partial > 0)
      throw invalid(
        `${partial.toLocaleString("en-US")} shown rows have a \`log_rate\` below 1, so lists are not whole.`,
      );
  }
}

/** Rows by the plan that wrote them, the most first; empty for rows that do not say it. */
async function servedRows(
  database: Database,
  relation: string,
  types: ReadonlyMap<string, string>,
): Promise<readonly ServedRows[]> {
  if (!SERVED.every(name => types.has(name))) return [];
  const found = await database.rows(
    `SELECT model::VARCHAR, version::VARCHAR, plan::VARCHAR, count(*)::DOUBLE FROM ${relation} GROUP BY ALL ORDER BY 4 DESC, 2, 3 LIMIT ${MOST_PLANS}`,
    "reading the log",
  );
  return found.map(([model, version, plan, rows]) => ({
    model: String(model),
    version: String(version),
    plan: String(plan),
    rows: Number(rows),
  }));
}

const SERVED = ["model", "version", "plan"] as const satisfies ExposureColumnName[];
/** Plans of one log that are compared. */
const MOST_PLANS = 1000;

/** Lists without an event may be missing as a whole, so that all weights are 1: then no row is without an event. */
async function refuseSampled(database: Database, relation: string, hasTimes: boolean): Promise<void> {
  const whole = hasTimes ? "coalesce(bool_or(event_time IS NULL), true)" : "true";
  const [[sampled, isWhole]] = (await database.rows(
    `SELECT count(*) FILTER (weight IS DISTINCT FROM 1)::DOUBLE, ${whole} FROM ${relation}`,
    "reading the log",
  )) as [[number, boolean]];
  if (sampled > 0 || !isWhole)
    throw invalid(
      `the log has a column \`weight\`, and ${sampled > 0 ? `${sampled.toLocaleString("en-US")} rows have another weight than 1` : "every row has an event"}: rows without an event were sampled, so lists are not whole. Join again without \`--negatives\`.`,
    );
}
