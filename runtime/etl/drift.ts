/**
 * Two sets of one column → the distance between their distributions.
 *
 * Population stability index: PSI = Σ (bᵢ − aᵢ) · ln(bᵢ / aᵢ) over shares of bins. The bins are the first set's deciles for numbers, else
 * its 20 most frequent values and one for the rest, and one for null. Shares are at least 0.0001. Read as is usual: below 0.1 alike, from
 * 0.25 on another population (Siddiqi, Credit Risk Scorecards, 2006).
 *
 * Kolmogorov-Smirnov: KS = max |F_a(x) − F_b(x)| over all values x of numbers, null left out; exact.
 */
import type { Json } from "@duckdb/node-api";
import type { ColumnStats } from "./column-stats.js";
import type { Database } from "./database.js";
import { identifier, text } from "./sql/literal.js";

export interface Drift {
  readonly name: string;
  /** Undefined where the sets hold values of different kinds. */
  readonly psi?: number;
  /** For numbers. */
  readonly ks?: number;
  readonly verdict: "alike" | "moved" | "another population" | "other type";
}

const FLOOR = 1e-4;
const DECILES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
const FREQUENT = 20;

export async function driftOf(database: Database, a: ColumnStats, b: ColumnStats): Promise<Drift> {
  const { name } = a;
  const numeric = a.quantiles !== undefined && b.quantiles !== undefined;
  if (!numeric && a.type !== b.type) return { name, verdict: "other type" };
  const [first, second] = [values("merlon_a", a), values("merlon_b", b)];
  const bin = numeric ? await decileBin(database, first, name) : await frequentBin(database, first, name);
  const shares = await Promise.all([first, second].map(set => sharesOf(database, set, bin, name)));
  const psi = psiOf(shares[0]!, shares[1]!);
  const verdict = psi < 0.1 ? "alike" : psi < 0.25 ? "moved" : "another population";
  return { name, psi, ...(numeric && { ks: await ksOf(database, first, second, name) }), verdict };
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

const values = (view: string, { name, type }: ColumnStats): string => {
  const column = type.endsWith("]") ? `unnest(${identifier(name)})` : identifier(name);
  const isFloat = /^(FLOAT|DOUBLE)/.test(type);
  return `(SELECT ${isFloat ? "CASE WHEN NOT isnan(v) THEN v END AS v" : "v"} FROM (SELECT ${column} AS v FROM ${view}))`;
};

async function decileBin(database: Database, set: string, name: string): Promise<string> {
  const [[bounds]] = (await database.rows(
    `SELECT quantile_cont(CAST(v AS DOUBLE), [${DECILES.join(", ")}]) FROM ${set} WHERE v IS NOT NULL`,
    `comparing column \`${name}\``,
  )) as [[Json[]]];
  const distinct = [...new Set(bounds.map(Number))];
  return `CASE WHEN v IS NULL THEN 'null' ELSE CAST(${distinct.map(bound => `(CAST(v AS DOUBLE) > CAST(${text(String(bound))} AS DOUBLE))::INTEGER`).join(" + ")} AS VARCHAR) END`;
}

async function frequentBin(database: Database, set: string, name: string): Promise<string> {
  const found = await database.rows(
    `SELECT CAST(v AS VARCHAR) FROM ${set} WHERE v IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT ${FREQUENT}`,
    `comparing column \`${name}\``,
  );
  const frequent = found.map(row => text(String(row[0])));
  const known =
    frequent.length > 0 ? `WHEN CAST(v AS VARCHAR) IN (${frequent.join(", ")}) THEN '=' || CAST(v AS VARCHAR) ` : "";
  return `CASE WHEN v IS NULL THEN 'null' ${known}ELSE 'rest' END`;
}

async function sharesOf(
  database: Database,
  set: string,
  bin: string,
  name: string,
): Promise<ReadonlyMap<string, number>> {
  const found = await database.rows(
    `SELECT ${bin}, count(*)::DOUBLE FROM ${set} GROUP BY 1`,
    `comparing column \`${name}\``,
  );
  const total = found.reduce((sum, [, count]) => sum + Number(count), 0) || 1;
  return new Map(found.map(([key, count]) => [String(key), Number(count) / total]));
}

async function ksOf(database: Database, a: string, b: string, name: string): Promise<number> {
  const [[ks]] = (await database.rows(
    `WITH counted AS (
       SELECT v, sum(a) AS a, sum(b) AS b FROM (
         SELECT CAST(v AS DOUBLE) AS v, 1 AS a, 0 AS b FROM ${a} WHERE v IS NOT NULL UNION ALL
         SELECT CAST(v AS DOUBLE), 0, 1 FROM ${b} WHERE v IS NOT NULL) GROUP BY v)
     SELECT max(abs(fa - fb)) FROM (SELECT sum(a) OVER w / sum(a) OVER () AS fa, sum(b) OVER w / sum(b) OVER () AS fb FROM counted WINDOW w AS (ORDER BY v))`,
    `comparing column \`${name}\``,
  )) as [[Json]];
  return Number(ks ?? 0);
}
