/**
 * Two sets of one column → the distance between their distributions, from one table of distinct values with their counts in both. The
 * table spills to disk, and each set is read once for it.
 *
 * Population stability index: PSI = Σ (bᵢ − aᵢ) · ln(bᵢ / aᵢ) over shares of bins. The bins are the first set's deciles for numbers, else
 * its 20 most frequent values and one for the rest, and one for null. Shares are at least 0.0001. Read as is usual: below 0.1 alike, from
 * 0.25 on another population (Siddiqi, Credit Risk Scorecards, 2006).
 *
 * Kolmogorov-Smirnov: KS = max |F_a(x) − F_b(x)| over all values x of numbers, null left out; exact.
 */
import type { Json } from "@duckdb/node-api";
import { isNumeric } from "./column-stats.js";
import type { Database } from "./database.js";
import { type Categories, categoriesOf, categoryText, vocabularyTable } from "./drift-categories.js";
import { identifier, text } from "./sql/literal.js";

export interface Drift {
  readonly name: string;
  /** Undefined where the sets hold values of different kinds. */
  readonly psi?: number;
  /** For numbers. */
  readonly ks?: number;
  /** For ids and texts. */
  readonly categories?: Categories;
  /** Drift of the number of values of a list. */
  readonly lengths?: { readonly psi: number; readonly ks: number };
  /** By the larger PSI, of values and of lengths. */
  readonly verdict: Verdict;
}

export type Verdict = "alike" | "moved" | "another population" | "other type";

/** A column of one set. */
export interface SetColumn {
  readonly view: string;
  readonly name: string;
  /** DuckDB's. */
  readonly type: string;
}

export interface DriftOptions {
  /** Integers of the column are ids. */
  readonly isId?: boolean;
  /** File of the column's vocabulary. */
  readonly vocabulary?: string;
}

/** PSI from which sets are called moved, and another population. */
export const MOVED = 0.1;
export const OTHER = 0.25;

const FLOOR = 1e-4;
const DECILES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
const FREQUENT = 20;
const COUNTS = "merlon_counts";

export const drifted = (psi: number): Exclude<Verdict, "other type"> =>
  psi < MOVED ? "alike" : psi < OTHER ? "moved" : "another population";

/** The PSI that a verdict is by: the larger one, of values and of lengths. */
export const largestPsi = ({ psi, lengths }: Drift): number | undefined =>
  psi === undefined ? undefined : Math.max(psi, lengths?.psi ?? 0);

/** @param a the first set's column @throws RuntimeFault naming the column */
export async function driftOf(
  database: Database,
  a: SetColumn,
  b: SetColumn,
  { isId = false, vocabulary }: DriftOptions = {},
): Promise<Drift> {
  const { name } = a;
  const isList = a.type.endsWith("]");
  const isNumber = isNumeric(a.type) && isNumeric(b.type);
  const byValue = isId || vocabulary !== undefined;
  if (isList !== b.type.endsWith("]") || !(isNumber || byValue || a.type === b.type))
    return { name, verdict: "other type" };
  const found =
    isNumber && !byValue
      ? await numbersDrift(database, name, numbers(a), numbers(b))
      : await valuesDrift(database, name, categories(a), categories(b), vocabulary);
  const lengths = isList ? await numbersDrift(database, name, lengthsOf(a), lengthsOf(b)) : undefined;
  const drift = { name, ...found, ...(lengths && { lengths: { psi: lengths.psi, ks: lengths.ks ?? 0 } }) };
  return { ...drift, verdict: drifted(Math.max(drift.psi, lengths?.psi ?? 0)) };
}

/** @param a shares by bin, which need not add up: a bin that one set lacks counts as the floor */
export function psiOf(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const bin of new Set([...a.keys(), ...b.keys()])) {
    const [x, y] = [Math.max(FLOOR, a.get(bin) ?? 0), Math.max(FLOOR, b.get(bin) ?? 0)];
    sum += (y - x) * Math.log(y / x);
  }
  return sum;
}

const itemType = (type: string): string => type.replace(/\[\d*\]$/, "");
const isFloat = (type: string): boolean => /^(FLOAT|DOUBLE)/.test(type);

const each = ({ view, name, type }: SetColumn, sql: string): string =>
  `SELECT ${sql} AS v FROM (SELECT ${type.endsWith("]") ? `unnest(${identifier(name)})` : identifier(name)} AS v FROM ${view})`;

const numbers = (column: SetColumn): string =>
  each(
    column,
    isFloat(itemType(column.type)) ? "CAST(CASE WHEN NOT isnan(v) THEN v END AS DOUBLE)" : "CAST(v AS DOUBLE)",
  );

const categories = (column: SetColumn): string => each(column, categoryText("v", itemType(column.type)));

const lengthsOf = ({ view, name }: SetColumn): string =>
  `SELECT CAST(len(${identifier(name)}) AS DOUBLE) AS v FROM ${view}`;

/** Makes the table of distinct values `v` with their counts `a` and `b`. */
async function count(database: Database, name: string, a: string, b: string): Promise<readonly [number, number]> {
  const doing = `comparing column \`${name}\``;
  const counted = (set: string, counts: string) => `SELECT v, ${counts} FROM (${set}) GROUP BY v`;
  await database.run(
    `CREATE OR REPLACE TEMP TABLE ${COUNTS} AS SELECT v, sum(a)::BIGINT AS a, sum(b)::BIGINT AS b FROM (
       ${counted(a, "count(*) AS a, 0 AS b")} UNION ALL ${counted(b, "0, count(*)")}) GROUP BY v`,
    doing,
  );
  const [[first, second]] = (await database.rows(
    `SELECT coalesce(sum(a), 0)::DOUBLE, coalesce(sum(b), 0)::DOUBLE FROM ${COUNTS} WHERE v IS NOT NULL`,
    doing,
  )) as [[number, number]];
  return [first, second];
}

async function numbersDrift(database: Database, name: string, a: string, b: string) {
  const [first, second] = await count(database, name, a, b);
  // The two values around each decile: its place among n sorted values is q · (n − 1).
  const ranks = DECILES.flatMap(q => [Math.floor(q * (first - 1)), Math.ceil(q * (first - 1))]);
  const [row] = (await database.rows(
    `SELECT max(abs(below_a / ${Math.max(1, first)} - below_b / ${Math.max(1, second)}))${
      first === 0 ? "" : `, [${ranks.map(rank => `min(v) FILTER (a > 0 AND below_a > ${rank})`).join(", ")}]`
    } FROM (SELECT v, a, sum(a) OVER w AS below_a, sum(b) OVER w AS below_b FROM ${COUNTS} WHERE v IS NOT NULL WINDOW w AS (ORDER BY v))`,
    `comparing column \`${name}\``,
  )) as [[Json, Json[]?]];
  const around = (row[1] ?? []).map(Number);
  const bounds = DECILES.flatMap((q, i) => {
    const [low, high] = [around[2 * i], around[2 * i + 1]];
    if (low === undefined || high === undefined) return [];
    const share = q * (first - 1) - Math.floor(q * (first - 1));
    return [low === high ? low : low + share * (high - low)];
  });
  const above = [...new Set(bounds)].map(bound => `(v > CAST(${text(String(bound))} AS DOUBLE))::INTEGER`);
  const bin = `CASE WHEN v IS NULL THEN 'null' ELSE CAST(${above.join(" + ") || "0"} AS VARCHAR) END`;
  return {
    psi: await psiOfBins(database, bin, name),
    ...(first > 0 && second > 0 && { ks: Number(row[0] ?? 0) }),
  };
}

async function valuesDrift(database: Database, name: string, a: string, b: string, vocabulary: string | undefined) {
  const [first, second] = await count(database, name, a, b);
  await database.run(
    `CREATE OR REPLACE TEMP TABLE merlon_frequent AS SELECT v FROM ${COUNTS} WHERE v IS NOT NULL AND a > 0 ORDER BY a DESC, v LIMIT ${FREQUENT}`,
    `comparing column \`${name}\``,
  );
  const bin = "CASE WHEN v IS NULL THEN 'null' WHEN v IN (SELECT v FROM merlon_frequent) THEN '=' || v ELSE 'rest' END";
  const known = vocabulary === undefined ? undefined : await vocabularyTable(database, vocabulary);
  return {
    psi: await psiOfBins(database, bin, name),
    categories: await categoriesOf(database, { table: COUNTS, name, totals: [first, second], known }),
  };
}

async function psiOfBins(database: Database, bin: string, name: string): Promise<number> {
  const found = await database.rows(
    `SELECT ${bin}, sum(a)::DOUBLE, sum(b)::DOUBLE FROM ${COUNTS} GROUP BY 1`,
    `comparing column \`${name}\``,
  );
  const shares = (place: 1 | 2): ReadonlyMap<string, number> => {
    const total = found.reduce((sum, row) => sum + Number(row[place]), 0) || 1;
    return new Map(found.map(row => [String(row[0]), Number(row[place]) / total]));
  };
  return psiOf(shares(1), shares(2));
}
