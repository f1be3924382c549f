/**
 * Data files → statistics of each column: nulls, cardinality, quantiles, top values, a histogram. With a second set, also the drift. One
 * statement a column, out of core.
 */
import type { Json } from "@duckdb/node-api";
import { RuntimeFault } from "../base/errors.js";
import { arrowTypes, loadArrow } from "./arrow-data.js";
import type { ColumnStats } from "./column-stats.js";
import { parquetRelation, textRelation } from "./data-formats.js";
import { findData } from "./data-source.js";
import { type Database, type DatabaseOptions, openDatabase } from "./database.js";
import { type Drift, driftOf } from "./drift.js";
import { identifier, text } from "./sql/literal.js";

export interface DataStats {
  readonly name: string;
  readonly rows: number;
  readonly columns: readonly ColumnStats[];
  /** The drift of the second set, by column that both have. */
  readonly drift?: readonly Drift[];
  readonly against?: { readonly name: string; readonly rows: number; readonly columns: readonly ColumnStats[] };
}

export const QUANTILES = [0, 0.01, 0.25, 0.5, 0.75, 0.99, 1] as const;
export const BINS = 20;

const NUMBER = /^(U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|FLOAT|DOUBLE|DECIMAL\(.*\))$/;
export const isNumeric = (type: string): boolean => NUMBER.test(type.replace(/\[\d*\]$/, ""));

export interface StatsOptions extends DatabaseOptions {
  /** A second set to compare with: later data, or what is served. */
  readonly against?: string | readonly string[];
  readonly onColumn?: (column: string) => void;
}

/** @throws RuntimeFault naming file or column */
export async function dataStats(data: string | readonly string[], options: StatsOptions = {}): Promise<DataStats> {
  const database = await openDatabase(options);
  try {
    const first = await open(database, data, "merlon_a");
    const columns = await statsOf(database, "merlon_a", first.types, options.onColumn);
    const base = { name: nameOf(data), rows: first.rows, columns };
    if (options.against === undefined) return base;
    const second = await open(database, options.against, "merlon_b");
    const others = await statsOf(database, "merlon_b", second.types, options.onColumn);
    const drift: Drift[] = [];
    for (const col of columns) {
      const other = others.find(one => one.name === col.name);
      if (other) drift.push(await driftOf(database, col, other));
    }
    return { ...base, against: { name: nameOf(options.against), rows: second.rows, columns: others }, drift };
  } finally {
    await database.close();
  }
}

const nameOf = (data: string | readonly string[]): string => (typeof data === "string" ? data : data.join(", "));

async function open(
  database: Database,
  data: string | readonly string[],
  view: string,
): Promise<{ readonly rows: number; readonly types: ReadonlyMap<string, string> }> {
  const { files, format } = await findData(database, data);
  if (format === "arrow") await loadArrow(database, `${view}_data`, files, await arrowTypes(files[0]!));
  const relation =
    format === "arrow"
      ? `${view}_data`
      : format === "parquet"
        ? parquetRelation(files, [])
        : textRelation(format as "csv" | "json", files, [], false);
  // Text is parsed once.
  const kind = format === "parquet" || format === "arrow" ? "VIEW" : "TABLE";
  await database.run(`CREATE TEMP ${kind} ${view} AS SELECT * FROM ${relation}`, `reading \`${files[0]}\``);
  const described = await database.rows(
    `SELECT column_name, column_type FROM (DESCRIBE ${view})`,
    `reading \`${files[0]}\``,
  );
  const [[rows]] = (await database.rows(`SELECT count(*)::DOUBLE FROM ${view}`, "counting rows")) as [[number]];
  if (rows === 0) throw new RuntimeFault("INVALID_ARGUMENT", `${nameOf(data)}: no rows. There is nothing to describe.`);
  return { rows, types: new Map(described.map(row => [String(row[0]), String(row[1])])) };
}

async function statsOf(
  database: Database,
  view: string,
  types: ReadonlyMap<string, string>,
  onColumn: StatsOptions["onColumn"],
): Promise<readonly ColumnStats[]> {
  const columns: ColumnStats[] = [];
  for (const [name, type] of types) {
    onColumn?.(name);
    columns.push(await columnStats(database, view, name, type));
  }
  return columns;
}

/** The values of a column, as column `v` of a relation. */
export const valuesOf = (view: string, name: string, type: string): string =>
  `(SELECT ${type.endsWith("]") ? `unnest(${identifier(name)})` : identifier(name)} AS v FROM ${view})`;

async function columnStats(database: Database, view: string, name: string, type: string): Promise<ColumnStats> {
  const doing = `describing column \`${name}\``;
  const values = valuesOf(view, name, type);
  const numeric = isNumeric(type);
  const isList = type.endsWith("]");
  // NaN is null, as everywhere.
  const v = /^(FLOAT|DOUBLE)/.test(type) ? "CASE WHEN NOT isnan(v) THEN v END" : "v";
  const finite = `CAST(v AS DOUBLE)`;
  const [row] = (await database.rows(
    `SELECT (count(*) - count(v))::DOUBLE, count(DISTINCT v)::DOUBLE${
      numeric ? `, avg(${finite}), stddev_samp(${finite}), quantile_cont(${finite}, [${QUANTILES.join(", ")}])` : ""
    } FROM (SELECT ${v} AS v FROM ${values})${numeric ? " WHERE v IS NULL OR isfinite(CAST(v AS DOUBLE))" : ""}`,
    doing,
  )) as [Json[]];
  const top = await database.rows(
    `SELECT CAST(v AS VARCHAR), count(*)::DOUBLE FROM ${values} WHERE v IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10`,
    doing,
  );
  const stats: ColumnStats = {
    name,
    type,
    nulls: Number(row[0]),
    cardinality: Number(row[1]),
    top: top.map(([value, count]) => ({ value: String(value), count: Number(count) })),
    ...(isList && { lengths: await lengthsOf(database, view, name, doing) }),
  };
  if (!numeric || row[4] === null) return stats;
  const quantiles = (row[4] as readonly Json[]).map(Number);
  return {
    ...stats,
    mean: Number(row[2]),
    std: Number(row[3] ?? 0),
    quantiles,
    histogram: await histogram(database, values, quantiles[0]!, quantiles.at(-1)!, doing),
  };
}

async function lengthsOf(database: Database, view: string, name: string, doing: string) {
  const [[min, mean, max]] = (await database.rows(
    `SELECT min(len(c))::DOUBLE, avg(len(c)), max(len(c))::DOUBLE FROM (SELECT ${identifier(name)} AS c FROM ${view})`,
    doing,
  )) as [[number, number, number]];
  return { min: Number(min ?? 0), mean: Number(mean ?? 0), max: Number(max ?? 0) };
}

async function histogram(
  database: Database,
  values: string,
  low: number,
  high: number,
  doing: string,
): Promise<readonly number[]> {
  const width = (high - low) / BINS || 1;
  const found = await database.rows(
    `SELECT least(${BINS - 1}, floor((CAST(v AS DOUBLE) - CAST(${text(String(low))} AS DOUBLE)) / CAST(${text(String(width))} AS DOUBLE)))::INTEGER AS bin, count(*)::DOUBLE
     FROM ${values} WHERE v IS NOT NULL AND isfinite(CAST(v AS DOUBLE)) GROUP BY 1`,
    doing,
  );
  const counts = new Array<number>(BINS).fill(0);
  for (const [bin, count] of found) counts[Number(bin)] = Number(count);
  return counts;
}
