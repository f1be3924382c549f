/** The SQL of tables of candidates: from the table `events` to rows of key, item, score and support. */
import type { Database } from "./database.js";

export const MEASURES = ["cosine", "jaccard", "lift", "count"] as const;
export type Measure = (typeof MEASURES)[number];

/** The weight of an event: it halves with each half-life of its age. */
const weightOf = (halfLife: number | undefined, age = "age"): string =>
  halfLife === undefined ? "1::DOUBLE" : `pow(0.5, ${age} / ${halfLife}::DOUBLE)`;

/** Events of each item, weighted by age. */
export const popularSql = ({ halfLife }: { readonly halfLife?: number | undefined }): string =>
  `SELECT key, item, sum(${weightOf(halfLife)}) AS score, count(*) AS support FROM events GROUP BY ALL`;

/**
 * The rise of each item: (recent + smoothing) / (expected + smoothing). The expected number follows from the `baseline` seconds before the
 * recent ones.
 */
export const trendingSql = ({
  recent,
  baseline,
  smoothing,
}: {
  readonly recent: number;
  readonly baseline: number;
  readonly smoothing: number;
}): string => `
  SELECT key, item, (support + ${smoothing}::DOUBLE) / (before * ${recent / baseline}::DOUBLE + ${smoothing}::DOUBLE) AS score, support FROM (
    SELECT key, item, count(*) FILTER (age < ${recent}::DOUBLE) AS support,
      count(*) FILTER (age >= ${recent}::DOUBLE AND age < ${recent + baseline}::DOUBLE)::DOUBLE AS before
    FROM events GROUP BY ALL) WHERE support > 0`;

const MEASURE_SQL: Readonly<Record<Measure, string>> = {
  count: "n_ab",
  cosine: "n_ab / sqrt(a.n * b.n)",
  jaccard: "n_ab / (a.n + b.n - n_ab)",
  lift: "n_ab * total / (a.n * b.n)",
};

/** Makes the table `baskets`: the latest `mostItems` distinct items of each group. @returns groups that had more */
export async function makeBaskets(database: Database, mostItems: number): Promise<number> {
  await database.run(
    `CREATE TEMP TABLE latest AS SELECT grp, item, min(age) AS age FROM events GROUP BY ALL;
     CREATE TEMP TABLE baskets AS SELECT grp, item, age FROM latest
     QUALIFY row_number() OVER (PARTITION BY grp ORDER BY age, item) <= ${mostItems}`,
    "gathering what belongs together",
  );
  const [[cut]] = (await database.rows(
    `SELECT count(*)::DOUBLE FROM (SELECT grp FROM latest GROUP BY grp HAVING count(*) > ${mostItems})`,
    "counting",
  )) as [[number]];
  return cut;
}

/** Items of one group: a pair's weight is that of its older item. */
export const cooccurrenceSql = ({
  measure,
  halfLife,
}: {
  readonly measure: Measure;
  readonly halfLife?: number | undefined;
}): string => `
  WITH ones AS (SELECT item, sum(${weightOf(halfLife)}) AS n FROM baskets GROUP BY item),
  pairs AS (
    SELECT a.item AS key, b.item AS item, sum(${weightOf(halfLife, "greatest(a.age, b.age)")}) AS n_ab, count(*) AS support
    FROM baskets a JOIN baskets b ON a.grp = b.grp AND a.item <> b.item GROUP BY ALL)
  SELECT key, pairs.item AS item, ${MEASURE_SQL[measure]} AS score, support
  FROM pairs JOIN ones a ON a.item = key JOIN ones b ON b.item = pairs.item,
    (SELECT count(DISTINCT grp)::DOUBLE AS total FROM baskets)`;
