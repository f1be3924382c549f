/** Distinct values with their counts in two sets → the values that only one set has, and those that a vocabulary lacks. */
import { arrowTypes, loadArrow } from "./arrow-data.js";
import type { Database } from "./database.js";

/** Values of one set that another lacks. */
export interface Absent {
  /** Distinct values. */
  readonly values: number;
  /** Their share of the set's values that are not null. */
  readonly share: number;
  /** The most frequent ones. */
  readonly top: readonly { readonly value: string; readonly count: number }[];
}

export interface Categories {
  /** In the second set alone. */
  readonly added: Absent;
  /** In the first set alone. */
  readonly lost: Absent;
  /** Shares of values that the vocabulary lacks, in the first and the second set. */
  readonly unknown?: readonly [first: number, second: number];
}

/**
 * SQL of a value as text; NaN is null. A float that is a whole number is written as one, because integers with nulls may have become floats.
 */
export const categoryText = (value: string, type: string): string =>
  /^(FLOAT|DOUBLE)/.test(type)
    ? `CASE WHEN NOT isnan(${value}) THEN ${wholeText(value)} END`
    : `CAST(${value} AS VARCHAR)`;

const wholeText = (value: string): string =>
  `coalesce(CASE WHEN ${value} = trunc(${value}) THEN CAST(TRY_CAST(${value} AS HUGEINT) AS VARCHAR) END, CAST(${value} AS VARCHAR))`;

/** Values of each set that are listed. */
const LISTED = 5;

/**
 * @param counted a table of distinct texts `v` with their counts `a` and `b`, the sums of both without null, and a table of the vocabulary
 */
export async function categoriesOf(
  database: Database,
  counted: {
    readonly table: string;
    readonly name: string;
    readonly totals: readonly [number, number];
    readonly known: string | undefined;
  },
): Promise<Categories> {
  const { table, name, totals, known } = counted;
  const doing = `comparing column \`${name}\``;
  const absent = async (own: "a" | "b", other: "a" | "b", total: number): Promise<Absent> => {
    const where = `v IS NOT NULL AND ${own} > 0 AND ${other} = 0`;
    const [[values, rows]] = (await database.rows(
      `SELECT count(*)::DOUBLE, coalesce(sum(${own}), 0)::DOUBLE FROM ${table} WHERE ${where}`,
      doing,
    )) as [[number, number]];
    const top = await database.rows(
      `SELECT v, ${own}::DOUBLE FROM ${table} WHERE ${where} ORDER BY ${own} DESC, v LIMIT ${LISTED}`,
      doing,
    );
    return {
      values,
      share: rows / Math.max(1, total),
      top: top.map(([value, count]) => ({ value: String(value), count: Number(count) })),
    };
  };
  const found = { added: await absent("b", "a", totals[1]), lost: await absent("a", "b", totals[0]) };
  if (known === undefined) return found;
  const [[first, second]] = (await database.rows(
    `SELECT coalesce(sum(a), 0)::DOUBLE, coalesce(sum(b), 0)::DOUBLE FROM ${table} WHERE v IS NOT NULL AND v NOT IN (SELECT v FROM ${known})`,
    doing,
  )) as [[number, number]];
  return { ...found, unknown: [first / Math.max(1, totals[0]), second / Math.max(1, totals[1])] };
}

const VOCABULARY = "merlon_vocabulary";

/** Loads the values of a vocabulary of `merlon fit`, as text. @returns the table's name */
export async function vocabularyTable(database: Database, file: string): Promise<string> {
  const type = (await arrowTypes(file)).get("value") ?? "VARCHAR";
  await loadArrow(database, `${VOCABULARY}_values`, [file], new Map([["value", type]]));
  await database.run(
    `CREATE OR REPLACE TEMP TABLE ${VOCABULARY} AS SELECT ${categoryText("value", type)} AS v FROM ${VOCABULARY}_values WHERE value IS NOT NULL`,
    `reading \`${file}\``,
  );
  return VOCABULARY;
}
