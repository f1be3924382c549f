/**
 * Columns of a view → count, mean and deviation of each, and on request extremes and median. One statement reads the scalars, and one each
 * list. One thread has to do it: sums of floats depend on their order, and a fit must give the same file every time.
 */
import type { Json } from "@duckdb/node-api";
import { datatype } from "../../triton-protos/datatype.js";
import { invalid } from "../base/errors.js";
import type { Engine } from "./engine.js";
import type { Sql } from "./sql/dialect.js";
import type { SqlColumn } from "./sql/sql-column.js";

export interface Moments {
  /** Values that are not null. */
  readonly count: number;
  /** Values that are infinite; they are left out of the rest. */
  readonly infinite: number;
  readonly mean: number;
  /** ddof 1; 0 for a single value. */
  readonly std: number;
  /** The additional statistics; 64-bit integers are text. */
  readonly also: Readonly<Record<Also, Json>>;
}

/** `median`: of floats exact, the mean of the middle two; of integers the lower of the middle two. */
export type Also = "min" | "max" | "median";

export interface Asked {
  readonly column: SqlColumn;
  /** Strings and booleans have a count alone. */
  readonly withMoments: boolean;
  /** The mean is the only moment that is computed; the deviation is 0. */
  readonly onlyMean?: true;
  readonly also?: readonly Also[];
}

export interface MomentsFound {
  readonly rows: number;
  readonly moments: readonly Moments[];
}

/** @param what names the step and the column @throws RuntimeFault for infinite values */
export function refuseInfinite(what: string, infinite: number): void {
  if (infinite > 0)
    throw invalid(
      `${what} has ${infinite} infinite values, which have no statistics. Put \`clip\` before it (\`logOp\` makes -Infinity of -1).`,
    );
}

/** DuckDB must use one thread. */
export async function findMoments(
  engine: Engine,
  view: string,
  asked: readonly Asked[],
  onFraction: (fraction: number) => void,
): Promise<MomentsFound> {
  const doing = "computing statistics";
  const { sql } = engine;
  const scalars = asked.filter(({ column }) => !column.list);
  const row = await scalarRow(engine, view, scalars, doing, onFraction);
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
    const items = `SELECT v, ${finiteOf(sql, column, "v")} AS f FROM (SELECT ${sql.items(column.sql)} AS v FROM ${view})`;
    const [found] = (await engine.rows(
      `SELECT ${aggregates(sql, one, "v", "f").join(", ")} FROM (${items})`,
      doing,
    )) as [Json[]];
    moments.push(read(found, one.also));
  }
  return { rows: Number(row[0] ?? 0), moments };
}

/**
 * The statistics of columns that are not lists. Infinities are sought only where a mean or a deviation is no number: an infinite value
 * makes it so.
 */
async function scalarRow(
  engine: Engine,
  view: string,
  scalars: readonly Asked[],
  doing: string,
  onFraction: (fraction: number) => void,
): Promise<Json[]> {
  const { sql } = engine;
  const find = async (mayBeInfinite: boolean) => {
    const parts = scalars.flatMap((one, i) => aggregates(sql, one, one.column.sql, `f${i}`, mayBeInfinite));
    const finite = scalars.flatMap(({ column, withMoments }, i) =>
      withMoments ? [`${finiteOf(sql, column, column.sql, mayBeInfinite)} AS f${i}`] : [],
    );
    const from = finite.length > 0 ? `(SELECT *, ${finite.join(", ")} FROM ${view})` : view;
    const statement = `SELECT ${["CAST(count(*) AS DOUBLE)", ...parts].join(", ")} FROM ${from}`;
    return ((await engine.rows(statement, doing, onFraction)) as [Json[]])[0];
  };
  if (sql.engine !== "duckdb" || !scalars.some(({ column, withMoments }) => withMoments && isFloat(column)))
    return find(true);
  // DuckDB refuses a deviation that is no number.
  const row = await find(false).catch(() => undefined);
  return row?.every(value => Number.isFinite(Number(value))) ? row : find(true);
}

/** If a column may hold infinities, the finite values, which have statistics; float64. */
const finiteOf = (sql: Sql, column: SqlColumn, value: string, mayBeInfinite = true): string =>
  mayBeInfinite && isFloat(column)
    ? `CASE WHEN NOT ${sql.isInfinite(value)} THEN CAST(${value} AS DOUBLE) END`
    : `CAST(${value} AS DOUBLE)`;

const isFloat = ({ dtype }: SqlColumn): boolean => datatype(dtype).kind === "float";

/** Four fixed ones (count, infinite, mean, std), then the requested ones. */
function aggregates(sql: Sql, asked: Asked, value: string, finite: string, mayBeInfinite = true): readonly string[] {
  const { column, also = [] } = asked;
  return [
    ...basic(sql, asked, value, finite, mayBeInfinite),
    ...also.map(what => EXPRESSIONS[what](value, column, sql)),
  ];
}

function basic(
  sql: Sql,
  { column, withMoments, onlyMean }: Asked,
  value: string,
  finite: string,
  mayBeInfinite: boolean,
): readonly string[] {
  const count = `CAST(count(${value}) AS DOUBLE)`;
  const without = isFloat(column) ? `CAST(count_if(${sql.isInfinite(value)}) AS DOUBLE)` : ZERO;
  if (!withMoments) return [count, without, ZERO, ZERO];
  const deviation = onlyMean ? ZERO : `stddev_samp(${finite})`;
  // Integers sum exactly.
  if (!isFloat(column)) return [count, ZERO, column.dtype === "bool" ? `avg(${finite})` : sql.mean(value), deviation];
  const infinite = mayBeInfinite ? `CAST(count(${value}) - count(${finite}) AS DOUBLE)` : ZERO;
  return [count, infinite, sql.meanOfFloats(finite), deviation];
}

const ZERO = "CAST(0 AS DOUBLE)";

const EXPRESSIONS: Readonly<Record<Also, (value: string, column: SqlColumn, sql: Sql) => string>> = {
  min: value => `min(${value})`,
  max: value => `max(${value})`,
  median: (value, { dtype }, sql) => sql.median(value, datatype(dtype).kind === "float"),
};

const read = ([count, infinite, mean, std, ...rest]: readonly Json[], also: readonly Also[] = []): Moments => ({
  count: Number(count ?? 0),
  infinite: Number(infinite ?? 0),
  mean: Number(mean ?? 0),
  std: Number(std ?? 0),
  also: Object.fromEntries(also.map((what, i) => [what, rest[i] ?? null])) as Record<Also, Json>,
});
