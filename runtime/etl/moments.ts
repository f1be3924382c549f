/**
 * Columns of a view -> how many values each has, their mean and deviation, and on request extremes and median, in one statement for the scalars and
 * one for each list. One thread has to do it: sums of floats depend on their order, and a fit must give the same file every time.
 */
import type { Json } from "@duckdb/node-api";
import { datatype } from "../../triton-protos/datatype.js";
import type { Database } from "./database.js";
import type { SqlColumn } from "./sql/sql-form.js";

export interface Moments {
  /** Values that are not null. */
  readonly count: number;
  /** Values that are infinite; they are left out of the rest. */
  readonly infinite: number;
  readonly mean: number;
  /** ddof 1; 0 for a single value. */
  readonly std: number;
  /** What was asked for beside these; 64-bit integers are text. */
  readonly also: Readonly<Record<Also, Json>>;
}

/** `median`: of floats exact, the mean of the middle two; of integers the lower of the middle two. */
export type Also = "min" | "max" | "median";

export interface Asked {
  readonly column: SqlColumn;
  /** Strings and booleans have a count alone. */
  readonly withMoments: boolean;
  readonly also?: readonly Also[];
}

export interface MomentsFound {
  readonly rows: number;
  readonly moments: readonly Moments[];
}

/** The connection must use one thread. */
export async function findMoments(
  database: Database,
  view: string,
  asked: readonly Asked[],
  onFraction: (fraction: number) => void,
): Promise<MomentsFound> {
  const doing = "computing statistics";
  const scalars = asked.filter(({ column }) => !column.list);
  const parts = scalars.flatMap((one, i) => aggregates(one, one.column.sql, `f${i}`));
  const finite = scalars.flatMap((one, i) =>
    one.withMoments ? [`${finiteOf(one.column, one.column.sql)} AS f${i}`] : [],
  );
  const from = finite.length > 0 ? `(SELECT *, ${finite.join(", ")} FROM ${view})` : view;
  const statement = `SELECT ${["count(*)::DOUBLE", ...parts].join(", ")} FROM ${from}`;
  const [row] = (await database.rows(statement, doing, onFraction)) as [Json[]];
  let next = 1;
  const moments: Moments[] = [];
  for (const one of asked) {
    const { column } = one;
    if (!column.list) {
      const width = 4 + (one.also?.length ?? 0);
      moments.push(read(row.slice(next, next + width), one.also));
      next += width;
      continue;
    }
    const items = `SELECT v, ${finiteOf(column, "v")} AS f FROM (SELECT unnest(${column.sql}) AS v FROM ${view})`;
    const [found] = (await database.rows(`SELECT ${aggregates(one, "v", "f").join(", ")} FROM (${items})`, doing)) as [
      Json[],
    ];
    moments.push(read(found, one.also));
  }
  return { rows: Number(row[0] ?? 0), moments };
}

/** Of a column that may hold infinities the rest, which has statistics; float64. */
const finiteOf = ({ dtype }: SqlColumn, value: string): string =>
  datatype(dtype).kind === "float"
    ? `CASE WHEN isfinite(${value}) THEN CAST(${value} AS DOUBLE) END`
    : `CAST(${value} AS DOUBLE)`;

/** Four that are always there (count, infinite, mean, std), then what else was asked for. */
function aggregates({ column, withMoments, also = [] }: Asked, value: string, finite: string): readonly string[] {
  return [...basic(column, value, finite, withMoments), ...also.map(what => `${EXPRESSIONS[what](value, column)}`)];
}

function basic({ dtype }: SqlColumn, value: string, finite: string, withMoments: boolean): readonly string[] {
  const count = `count(${value})::DOUBLE`;
  const isFloat = datatype(dtype).kind === "float";
  const without = isFloat ? `count_if(isinf(${value}))::DOUBLE` : "0::DOUBLE";
  if (!withMoments) return [count, without, "0::DOUBLE", "0::DOUBLE"];
  const deviation = `stddev_samp(${finite})`;
  // Integers sum exactly.
  if (!isFloat) return [count, "0::DOUBLE", `avg(${dtype === "bool" ? finite : value})`, deviation];
  return [count, `(count(${value}) - count(${finite}))::DOUBLE`, `favg(${finite})`, deviation];
}

const EXPRESSIONS: Readonly<Record<Also, (value: string, column: SqlColumn) => string>> = {
  min: value => `min(${value})`,
  max: value => `max(${value})`,
  median: (value, { dtype }) =>
    datatype(dtype).kind === "float" ? `quantile_cont(CAST(${value} AS DOUBLE), 0.5)` : `quantile_disc(${value}, 0.5)`,
};

const read = ([count, infinite, mean, std, ...rest]: readonly Json[], also: readonly Also[] = []): Moments => ({
  count: Number(count ?? 0),
  infinite: Number(infinite ?? 0),
  mean: Number(mean ?? 0),
  std: Number(std ?? 0),
  also: Object.fromEntries(also.map((what, i) => [what, rest[i] ?? null])) as Record<Also, Json>,
});
