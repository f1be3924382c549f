/** Joined rows → the moments of each arm's units, by DuckDB. */
import { invalid } from "../../base/errors.js";
import { findData, openData } from "../../etl/data-source.js";
import { type Database, type DatabaseOptions, openDatabase } from "../../etl/database.js";
import { didYouMean } from "../../etl/nearest-name.js";
import { identifier, text } from "../../etl/sql/literal.js";
import type { ArmMoments } from "./compare-arms.js";

export interface ArmColumns {
  /** The first is the control. */
  readonly arms: readonly string[];
  readonly metric: string;
  /** Column of the units that were assigned. Default: the rows of requests. */
  readonly unit?: string;
}

const count = (value: number): string => value.toLocaleString("en-US");
const NUMBERS = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\(.*\)|BOOLEAN)$/;

/** @returns the moments, in the order of `arms` @throws RuntimeFault naming a file, a column, an arm or a unit */
export async function readArms(
  data: readonly string[],
  columns: ArmColumns,
  options: DatabaseOptions = {},
): Promise<readonly ArmMoments[]> {
  const database = await openDatabase(options);
  try {
    await loadRequests(database, data, columns);
    await refuseOddArms(database, columns);
    return await momentsOf(database, columns);
  } finally {
    await database.close();
  }
}

/** Makes the table `requests`: arm, unit and reward of each row of a request, and the number of its values that are not finite. */
async function loadRequests(database: Database, data: readonly string[], { metric, unit }: ArmColumns): Promise<void> {
  const wanted = [...new Set(["request_id", "request_row", "arm", metric, ...(unit === undefined ? [] : [unit])])];
  const { relation } = await openData(database, await findData(database, data), [], wanted);
  const described = await database.rows(`DESCRIBE SELECT * FROM ${relation}`, "reading the rows");
  const types = new Map(described.map(row => [String(row[0]), String(row[1])]));
  if (!NUMBERS.test(types.get(metric)!))
    throw invalid(
      `column \`${metric}\` is ${types.get(metric)}, expected numbers. Name another column with \`--metric\`.`,
    );
  const shown = types.has("position") ? "position IS NOT NULL" : "true";
  const sampled = types.has("weight") ? "weight IS DISTINCT FROM 1" : "false";
  const value = `${identifier(metric)}::DOUBLE`;
  await database.run(
    `CREATE TEMP TABLE requests AS SELECT request_id::VARCHAR AS request, request_row::BIGINT AS row, arm::VARCHAR AS arm,
       ${unit === undefined ? "NULL" : `min(${identifier(unit)}::VARCHAR)`}::VARCHAR AS unit, sum(${value}) AS reward,
       count(*) FILTER (${value} IS NULL OR NOT isfinite(${value})) AS odd, count(*) FILTER (${sampled}) AS sampled
     FROM ${relation} WHERE ${shown} GROUP BY ALL`,
    "adding the rewards of requests",
  );
  const [[odd, some]] = (await database.rows(
    "SELECT sum(odd)::DOUBLE, sum(sampled)::DOUBLE FROM requests",
    "checking the rewards",
  )) as [[number | null, number | null]];
  if (Number(odd) > 0)
    throw invalid(
      `column \`${metric}\` is null or not finite in ${count(Number(odd))} rows. Correct these rows, or leave them out.`,
    );
  if (Number(some) > 0)
    throw invalid(
      `${count(Number(some))} rows have a \`weight\` other than 1: negatives were sampled, so requests are missing. Join again without \`--negatives\`.`,
    );
}

async function refuseOddArms(database: Database, { arms, unit }: ArmColumns): Promise<void> {
  const rows = await database.rows(
    "SELECT coalesce(arm, ''), count(*)::DOUBLE FROM requests GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 100",
    "reading the arms",
  );
  const found = rows.map(([arm]) => String(arm)).filter(arm => arm !== "");
  const missing = arms.find(arm => !found.includes(arm));
  if (missing !== undefined)
    throw invalid(
      found.length === 0
        ? "column `arm` is null in every row. Log requests of an ensemble with a `split`."
        : `no request has the arm \`${missing}\`; the arms are ${found.map(arm => `\`${arm}\``).join(", ")}.${didYouMean(missing, found)}`,
    );
  if (unit === undefined) return;
  const isCompared = `arm IN (${arms.map(text).join(", ")})`;
  const [[none, several, example]] = (await database.rows(
    `SELECT (SELECT count(*) FROM requests WHERE ${isCompared} AND unit IS NULL)::DOUBLE, count(*)::DOUBLE, min(unit)
     FROM (SELECT unit FROM requests WHERE ${isCompared} AND unit IS NOT NULL GROUP BY unit HAVING count(DISTINCT arm) > 1)`,
    "comparing the units",
  )) as [[number, number, string | null]];
  if (none > 0)
    throw invalid(`column \`${unit}\` is null in ${count(none)} requests. Leave them out, or name another unit.`);
  if (several > 0)
    throw invalid(
      `${count(several)} values of \`${unit}\` have requests of several arms, such as ${JSON.stringify(String(example).slice(0, 100))}. Leave out the time before weights or salt changed, or name the key of the split.`,
    );
}

async function momentsOf(database: Database, { arms, unit }: ArmColumns): Promise<readonly ArmMoments[]> {
  const units =
    unit === undefined
      ? "SELECT arm, reward, 1::DOUBLE AS requests FROM requests"
      : "SELECT arm, sum(reward) AS reward, count(*)::DOUBLE AS requests FROM requests GROUP BY arm, unit";
  const rows = (await database.rows(
    `SELECT arm, count(*)::DOUBLE, sum(requests), avg(reward), var_samp(reward), avg(requests), var_samp(requests), covar_samp(reward, requests)
     FROM (${units}) GROUP BY arm`,
    "computing moments",
  )) as [string, ...number[]][];
  return arms.map(arm => {
    const [, n, requests, rewardMean, rewardVariance, requestMean, requestVariance, covariance] = rows.find(
      row => row[0] === arm,
    ) as [string, number, number, number, number, number, number, number];
    if (n < 2) throw invalid(`arm \`${arm}\` has ${n} ${unit ?? "request"}. An interval needs at least 2.`);
    return { arm, units: n, requests, rewardMean, rewardVariance, requestMean, requestVariance, covariance };
  });
}
