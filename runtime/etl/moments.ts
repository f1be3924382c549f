/**
 * Columns of a view -> how many values each has, their mean and their sample standard deviation, in one statement for the scalars and
 * one for each list. One thread does it: sums of floats depend on their order, and a fit must give the same file every time.
 */
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
}

export interface Asked {
  readonly column: SqlColumn;
  /** Strings and booleans have a count alone. */
  readonly withMoments: boolean;
}

export interface MomentsFound {
  readonly rows: number;
  readonly moments: readonly Moments[];
}

export async function findMoments(
  database: Database,
  view: string,
  asked: readonly Asked[],
  onFraction: (fraction: number) => void,
): Promise<MomentsFound> {
  const [[before]] = (await database.rows("SELECT current_setting('threads')", "reading settings")) as [[string]];
  await database.run("SET threads = 1", "changing settings");
  const timer = setInterval(() => onFraction(Math.max(0, database.connection.progress.percentage) / 100), 100);
  try {
    const doing = "computing statistics";
    const scalars = asked.filter(({ column }) => !column.list);
    const parts = scalars.flatMap(({ column, withMoments }) => aggregates(column, column.sql, withMoments));
    const [row] = (await database.rows(`SELECT ${["count(*)::DOUBLE", ...parts].join(", ")} FROM ${view}`, doing)) as [
      (number | null)[],
    ];
    let next = 1;
    const moments: Moments[] = [];
    for (const { column, withMoments } of asked) {
      if (!column.list) {
        moments.push(read(row.slice(next, next + 4)));
        next += 4;
        continue;
      }
      const items = `SELECT unnest(${column.sql}) AS v FROM ${view}`;
      const [found] = (await database.rows(
        `SELECT ${aggregates(column, "v", withMoments).join(", ")} FROM (${items})`,
        doing,
      )) as [(number | null)[]];
      moments.push(read(found));
    }
    onFraction(1);
    return { rows: row[0] ?? 0, moments };
  } finally {
    clearInterval(timer);
    await database.run(`SET threads = ${before}`, "changing settings");
  }
}

/** Always four: count, infinite, mean, std. */
function aggregates({ dtype }: SqlColumn, value: string, withMoments: boolean): readonly string[] {
  const count = `count(${value})::DOUBLE`;
  if (!withMoments) return [count, "0::DOUBLE", "0::DOUBLE", "0::DOUBLE"];
  const asDouble = `CAST(${value} AS DOUBLE)`;
  // Integers sum exactly.
  if (datatype(dtype).kind !== "float")
    return [count, "0::DOUBLE", `avg(${dtype === "bool" ? asDouble : value})`, `stddev_samp(${asDouble})`];
  const finite = `FILTER (WHERE isfinite(${value}))`;
  return [
    count,
    `(count(*) FILTER (WHERE isinf(${value})))::DOUBLE`,
    `favg(${asDouble}) ${finite}`,
    `stddev_samp(${asDouble}) ${finite}`,
  ];
}

const read = ([count, infinite, mean, std]: readonly (number | null)[]): Moments => ({
  count: count ?? 0,
  infinite: infinite ?? 0,
  mean: mean ?? 0,
  std: std ?? 0,
});
