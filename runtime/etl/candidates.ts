/** Events → a table of candidates by key, for `lookupCandidates`. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findColumn, type Schema } from "../../contract/schema.js";
import { trainedColumn } from "../../formats/folders/fitted-columns.js";
import { StagingFolder } from "../../formats/folders/replace-folder.js";
import type { TrainedColumn } from "../../formats/merlin-schema/trained-on.js";
import { CANDIDATES_OF, CANDIDATES_SUM, sumOfCandidates } from "../../formats/tables/candidate-table.js";
import { type PackedTexts, type PrintedColumn, printFittedTable } from "../../operators/shared/kernel/fitted-table.js";
import type { DType } from "../../triton-protos/datatype.js";
import { invalid, RuntimeFault, unavailable } from "../base/errors.js";
import { type EventColumns, type Events, readEvents } from "./candidate-events.js";
import { type Database, type DatabaseOptions, openDatabase } from "./database.js";
import { moveFile } from "./transform.js";

export interface CandidateOptions extends DatabaseOptions, EventColumns {
  readonly kind: "popular" | "cooccurrence" | "trending";
  /** Seconds after which an event counts half. */
  readonly halfLife?: number;
  readonly minSupport: number;
  readonly topk: number;
  /** For `cooccurrence`. */
  readonly measure?: Measure;
  /** For `cooccurrence`: the latest items of a group that are read. */
  readonly mostItems?: number;
  /** For `trending`: seconds before the recent ones, and events that are added to both counts. */
  readonly baseline?: number;
  readonly smoothing?: number;
}

export interface MadeCandidates {
  readonly keys: number;
  readonly items: number;
  readonly rows: number;
  readonly events: Events;
  /** Groups of which only the latest items were read. */
  readonly cut: number;
}

const DAY = 86_400;

/** @throws RuntimeFault naming column, row and what to do; `out` is then untouched */
export async function buildCandidates(
  data: readonly string[],
  out: string,
  options: CandidateOptions,
): Promise<MadeCandidates> {
  const { kind, onProgress } = options;
  const [recent, baseline] = [options.window ?? 7 * DAY, options.baseline ?? 28 * DAY];
  const window = kind === "trending" ? recent + baseline : options.window;
  const database = await openDatabase(options);
  const staging = new StagingFolder(out);
  try {
    const events = await readEvents(database, data, { ...options, ...(window !== undefined && { window }) });
    onProgress?.({ doing: "score", rows: 0, totalRows: events.rows });
    const cut = kind === "cooccurrence" ? await makeBaskets(database, options.mostItems ?? 200) : 0;
    const sql =
      kind === "popular"
        ? popularSql(options)
        : kind === "trending"
          ? trendingSql({ recent, baseline, smoothing: options.smoothing ?? 10 })
          : cooccurrenceSql({ measure: options.measure ?? "cosine", halfLife: options.halfLife });
    const types = [kind === "cooccurrence" ? events.itemType : events.keyType, events.itemType] as const;
    const columns = await bestOf(database, sql, types, options);
    onProgress?.({ doing: "write", rows: events.rows, totalRows: events.rows });
    const counts = countsOf(columns);
    if (counts.rows === 0)
      throw invalid(
        `no item has ${options.minSupport} events${kind === "cooccurrence" ? " together with another" : ""} in the window. Lower \`--min-support\`, or widen \`--window\`.`,
      );
    const of = kind === "cooccurrence" ? [options.item, options.item] : [options.item, options.by];
    const described = of.flatMap(name => (name === undefined ? [] : [describedColumn(events.schema, name)]));
    await writeTable(columns, { staged: join(staging.path, "table.candidates"), out, of: JSON.stringify(described) });
    return { ...counts, events, cut };
  } finally {
    staging.dispose();
    await database.close();
  }
}

/** A column of the data; transformed data says which vocabulary made its codes. */
const describedColumn = (schema: Schema, name: string): TrainedColumn => {
  const column = findColumn(schema, name);
  return column ? trainedColumn(column) : { name, cardinality: null, vocabulary: null };
};

/** @returns columns `key`, `id` and `score`, by key and falling score; equal scores by id */
async function bestOf(
  database: Database,
  sql: string,
  [keyType, itemType]: readonly [DType, DType],
  { minSupport, topk }: CandidateOptions,
): Promise<readonly PrintedColumn[]> {
  return database.packed(
    `SELECT key AS c0, item AS c1, score::FLOAT AS c2 FROM (${sql}) WHERE support >= ${minSupport}
     QUALIFY row_number() OVER (PARTITION BY key ORDER BY score::FLOAT DESC, item) <= ${topk}
     ORDER BY c0, c2 DESC, c1`,
    [keyType, itemType, "float32"],
    "scoring the items",
  );
}

function countsOf([keys, ids]: readonly PrintedColumn[]): { keys: number; items: number; rows: number } {
  const [all, items] = [plainValues(keys!), plainValues(ids!)];
  return { keys: new Set<unknown>(all).size, items: new Set<unknown>(items).size, rows: all.length };
}

function plainValues({ values }: PrintedColumn): ArrayLike<unknown> & Iterable<unknown> {
  if (!("offsets" in values)) return values;
  const { offsets, bytes }: PackedTexts = values;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: offsets.length - 1 }, (_, i) => text.toString("utf8", offsets[i], offsets[i + 1]));
}

interface Place {
  readonly staged: string;
  readonly out: string;
  /** Its columns of ids and keys in the data, as JSON. */
  readonly of: string;
}

async function writeTable(columns: readonly PrintedColumn[], { staged, out, of }: Place): Promise<void> {
  const plain = columns.map(col => ({ dtype: col.dtype, values: plainValues(col) as never }));
  const metadata = new Map([
    [CANDIDATES_SUM, sumOfCandidates(plain)],
    [CANDIDATES_OF, of],
  ]);
  const names = ["key", "id", "score"];
  const table = Object.fromEntries(columns.map((col, i) => [names[i]!, col]));
  try {
    await writeFile(staged, printFittedTable(table, false, metadata));
    await moveFile(staged, out);
  } catch (error) {
    if (error instanceof RuntimeFault) throw error;
    throw unavailable(`\`${out}\` cannot be written: ${(error as Error).message}. The file that was there stays.`, {
      cause: error,
    });
  }
}

const MEASURES = ["cosine", "jaccard", "lift", "count"] as const;
type Measure = (typeof MEASURES)[number];

/** The weight of an event: it halves with each half-life of its age. */
const weightOf = (halfLife: number | undefined, age = "age"): string =>
  halfLife === undefined ? "1::DOUBLE" : `pow(0.5, ${age} / ${halfLife}::DOUBLE)`;

/**
 * The SQL of tables of candidates: from the table `events` to rows of key, item, score and support.
 * Events of each item, weighted by age.
 */
const popularSql = ({ halfLife }: { readonly halfLife?: number | undefined }): string =>
  `SELECT key, item, sum(${weightOf(halfLife)}) AS score, count(*) AS support FROM events GROUP BY ALL`;

/**
 * The rise of each item: (recent + smoothing) / (expected + smoothing). The expected number follows from the `baseline` seconds before the
 * recent ones.
 */
const trendingSql = ({
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
async function makeBaskets(database: Database, mostItems: number): Promise<number> {
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
const cooccurrenceSql = ({
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
