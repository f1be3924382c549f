/**
 * Data files → statistics of each column: nulls, cardinality, quantiles, top values, a histogram. With a second set, also the drift. One
 * statement a column, out of core.
 */
import { join } from "node:path";
import type { Json } from "@duckdb/node-api";
import { stateOf } from "../../contract/any-step.js";
import { learntColumns } from "../../contract/learnt-columns.js";
import { specOf } from "../../contract/op-state.js";
import { REQUEST_STEP } from "../../contract/plan.js";
import { readWorkflow } from "../../formats/folders/workflow.js";
import { invalid } from "../base/errors.js";
import { arrowTypes, loadArrow } from "./arrow-data.js";
import { type ColumnStats, isNumeric } from "./column-stats.js";
import { parquetRelation, textRelation } from "./data-formats.js";
import { findData } from "./data-source.js";
import { type Database, type DatabaseOptions, openDatabase } from "./database.js";
import { type Drift, driftOf, largestPsi } from "./drift.js";
import { didYouMean } from "./nearest-name.js";
import { identifier, text } from "./sql/literal.js";

export interface DataStats {
  readonly name: string;
  readonly rows: number;
  readonly columns: readonly ColumnStats[];
  /** The drift of the second set, by column that both have: the largest first, after columns of unequal types. */
  readonly drift?: readonly Drift[];
  /** Names of columns that one set has alone. */
  readonly onlyIn?: { readonly first: readonly string[]; readonly second: readonly string[] };
  readonly against?: { readonly name: string; readonly rows: number; readonly columns: readonly ColumnStats[] };
}

export const QUANTILES = [0, 0.01, 0.25, 0.5, 0.75, 0.99, 1] as const;
export const BINS = 20;

export interface StatsOptions extends DatabaseOptions {
  /** A second set to compare with: later data, or what is served. */
  readonly against?: string | readonly string[];
  /** Names of columns to describe and compare. @default all */
  readonly columns?: readonly string[];
  /** Names of integer columns that are ids: their values are compared as categories. */
  readonly ids?: readonly string[];
  /** Folder of a fitted workflow. Its vocabularies say which columns are ids, and which values are known. */
  readonly workflow?: string;
  readonly onColumn?: (column: string) => void;
}

/** @throws RuntimeFault, PlanError naming file or column */
export async function dataStats(data: string | readonly string[], options: StatsOptions = {}): Promise<DataStats> {
  const vocabularies = options.workflow === undefined ? new Map<string, string>() : vocabulariesIn(options.workflow);
  const database = await openDatabase(options);
  try {
    const first = await open(database, data, "merlon_a");
    const second = options.against === undefined ? undefined : await open(database, options.against, "merlon_b");
    refuseUnknown([...(options.columns ?? []), ...(options.ids ?? [])], [first, second]);
    const columns = await statsOf(database, "merlon_a", wanted(first.types, options), options.onColumn);
    const base = { name: nameOf(data), rows: first.rows, columns };
    if (!second) return base;
    const others = await statsOf(database, "merlon_b", wanted(second.types, options), options.onColumn);
    const drift: Drift[] = [];
    for (const { name, type } of columns) {
      const other = others.find(one => one.name === name);
      if (!other) continue;
      const vocabulary = vocabularies.get(name);
      drift.push(
        await driftOf(
          database,
          { view: "merlon_a", name, type },
          { view: "merlon_b", name, type: other.type },
          { isId: options.ids?.includes(name) ?? false, ...(vocabulary !== undefined && { vocabulary }) },
        ),
      );
    }
    const size = (one: Drift): number => largestPsi(one) ?? Number.POSITIVE_INFINITY;
    const without = (own: readonly ColumnStats[], other: readonly ColumnStats[]): readonly string[] =>
      own.map(({ name }) => name).filter(name => !other.some(one => one.name === name));
    return {
      ...base,
      against: { name: nameOf(options.against!), rows: second.rows, columns: others },
      drift: drift.sort((x, y) => (size(x) === size(y) ? 0 : size(y) - size(x))),
      onlyIn: { first: without(columns, others), second: without(others, columns) },
    };
  } finally {
    await database.close();
  }
}

interface Opened {
  readonly rows: number;
  readonly types: ReadonlyMap<string, string>;
}

const wanted = (types: Opened["types"], { columns }: StatsOptions): Opened["types"] =>
  columns ? new Map([...types].filter(([name]) => columns.includes(name))) : types;

function refuseUnknown(names: readonly string[], sets: readonly (Opened | undefined)[]): void {
  const known = sets.flatMap(set => [...(set?.types.keys() ?? [])]);
  for (const name of names)
    if (!known.includes(name))
      throw invalid(
        `the data has no column \`${name}\`; it has ${[...new Set(known)].map(one => `\`${one}\``).join(", ")}.${didYouMean(name, known)}`,
      );
}

/** Files of the vocabularies of a fitted workflow, by the column of the data that they are of. */
function vocabulariesIn(folder: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const step of readWorkflow(folder).steps) {
    const of = specOf(step.op).learns?.of;
    if (of === undefined || of === "tables") continue;
    const files = learntColumns(stateOf(step));
    for (const { name, step: from, column } of step.inputs.input) {
      const file = files.get(name);
      if (from === REQUEST_STEP && file?.what === "vocabulary") found.set(column, join(folder, file.path));
    }
  }
  return found;
}

const nameOf = (data: string | readonly string[]): string => (typeof data === "string" ? data : data.join(", "));

async function open(database: Database, data: string | readonly string[], view: string): Promise<Opened> {
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
  if (rows === 0) throw invalid(`${nameOf(data)}: no rows. There is nothing to describe.`);
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
  // Sums of integers are exact.
  const isWhole = numeric && /^U?(TINY|SMALL|BIG|HUGE)?INT/.test(type);
  // NaN is null, as everywhere.
  const v = /^(FLOAT|DOUBLE)/.test(type) ? "CASE WHEN NOT isnan(v) THEN v END" : "v";
  const finite = `CAST(v AS DOUBLE)`;
  const [row] = (await database.rows(
    `SELECT (count(*) - count(v))::DOUBLE, count(DISTINCT v)::DOUBLE${
      numeric
        ? `, avg(${isWhole ? "v" : finite}), stddev_samp(${finite}), quantile_cont(${finite}, [${QUANTILES.join(", ")}])`
        : ""
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
  const [[min, mean, max, nulls]] = (await database.rows(
    `SELECT min(len(c))::DOUBLE, avg(len(c)), max(len(c))::DOUBLE, (count(*) - count(c))::DOUBLE FROM (SELECT ${identifier(name)} AS c FROM ${view})`,
    doing,
  )) as [[number, number, number, number]];
  return { min: Number(min ?? 0), mean: Number(mean ?? 0), max: Number(max ?? 0), nulls: Number(nulls) };
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
