/**
 * A reward model of the log itself: ridge regression on features and positions, then a mean residual of each item, shrunk to 0.
 * Requests are divided into folds, and the model of the other folds predicts a row. Its own reward is never in its prediction, nor that of its
 * request. So a doubly robust estimate is unbiased, as with a model of other rows.
 *
 * The model predicts the rewards of a list from a position on. For a list of one item this is the reward.
 */
import { invalid } from "../../base/errors.js";
import type { Database } from "../../etl/database.js";
import { numbers } from "../read-numbers.js";
import { type Feature, usableFeatures } from "./columns.js";
import { addRow, type Moments, moments, ridge, sumOf } from "./ridge.js";

export const FOLDS = 2;
const PENALTY = 1;
/** An item's mean counts as if this many further rows had 0. */
const SHRINKAGE = 20;
/** Items share an effect if their hashes do. */
const BUCKETS = 2 ** 18;
/** Positions from here on share an effect. */
const POSITIONS = 32;
/** Shown rows that are read at once. */
const ROWS = 2 ** 16;

/** SQL of the fold of a request's id, and of the bucket of an item. */
export const foldSql = (request: string): string => `(md5_number_lower(${request}) % ${FOLDS})::INTEGER`;
export const bucketSql = (item: string): string => `(md5_number_lower(${item}) % ${BUCKETS})::INTEGER`;

/** Candidates that are predicted together. */
export interface Candidates {
  /** Values of each feature [features][rows] */
  readonly features: readonly Float64Array[];
  /** [rows] */
  readonly bucket: Int32Array;
  readonly fold: Int32Array;
}

export interface FittedRewards {
  readonly features: readonly Feature[];
  /** @returns the part of a prediction that depends on the candidate [rows] */
  predict(candidates: Candidates): Float64Array;
  /** The part that depends on the position, from 0. */
  at(fold: number, position: number): number;
}

/**
 * Reads the tables `logged` and `lists`.
 * @param names of the columns `m0`, `m1`, … @throws RuntimeFault for a log whose requests are all in one fold
 */
export async function fitRewards(database: Database, names: readonly string[]): Promise<FittedRewards> {
  const features = await usableFeatures(database, names);
  await database.run(
    `CREATE TEMP TABLE fitted AS SELECT list, position, reward, ${bucketSql("item")} AS bucket, fold${features.map(({ column }) => `, ${column}`).join("")}
     FROM logged JOIN lists USING (request, row) WHERE position IS NOT NULL ORDER BY list, position`,
    "sorting the shown rows",
  );
  const counts = (await numbers(database, "SELECT shown AS c0 FROM lists ORDER BY list", ["int32"]))[0];
  const size = features.length + POSITIONS;
  const own = Array.from({ length: FOLDS }, () => moments(size));
  await eachRow(database, counts, features, (row, x, y) => {
    addRow(own[row.fold]!, x, features.length, features.length + row.position, y);
  });
  refuseEmpty(own);
  const betas = own.map((_, fold) => ridge(sumOf(own.filter((_, i) => i !== fold)), PENALTY));
  const effects = await itemEffects(database, counts, features, betas);
  await database.run("DROP TABLE fitted", "reading the shown rows");
  return {
    features,
    predict: candidates => predictions(candidates, features, betas, effects),
    at: (fold, position) => betas[fold]![1 + features.length + Math.min(position, POSITIONS - 1)]!,
  };
}

/** Mean of the residuals of the other folds, shrunk [folds][buckets]. */
async function itemEffects(
  database: Database,
  counts: Int32Array,
  features: readonly Feature[],
  betas: readonly Float64Array[],
): Promise<readonly Float64Array[]> {
  const sums = betas.map(() => new Float64Array(BUCKETS));
  const rows = betas.map(() => new Float64Array(BUCKETS));
  await eachRow(database, counts, features, ({ fold, bucket, position }, x, y) => {
    for (const [other, beta] of betas.entries()) {
      if (other === fold) continue;
      let left = y - beta[0]! - beta[1 + features.length + position]!;
      for (let i = 0; i < features.length; i++) left -= beta[i + 1]! * x[i]!;
      sums[other]![bucket]! += left;
      rows[other]![bucket]! += 1;
    }
  });
  return sums.map((sum, fold) => sum.map((value, bucket) => value / (rows[fold]![bucket]! + SHRINKAGE)));
}

function predictions(
  { features: given, bucket, fold }: Candidates,
  features: readonly Feature[],
  betas: readonly Float64Array[],
  effects: readonly Float64Array[],
): Float64Array {
  return Float64Array.from(bucket, (place, row) => {
    const beta = betas[fold[row]!]!;
    let value = beta[0]! + effects[fold[row]!]![place]!;
    for (let i = 0; i < features.length; i++) value += beta[i + 1]! * scaled(features[i]!, given[i]![row]!);
    return value;
  });
}

/** A missing value is the mean. */
const scaled = ({ mean, deviation }: Feature, value: number): number =>
  Number.isNaN(value) ? 0 : (value - mean) / deviation;

interface ShownRow {
  readonly fold: number;
  readonly bucket: number;
  /** From 0, at most the last one that has an effect of its own. */
  readonly position: number;
}

/** Visits the shown rows in their order. @param visit receives scaled features, in one array for all rows, and the rewards from the row on */
async function eachRow(
  database: Database,
  counts: Int32Array,
  features: readonly Feature[],
  visit: (row: ShownRow, x: Float64Array, y: number) => void,
): Promise<void> {
  const x = new Float64Array(features.length);
  for (let from = 0, to = 0; from < counts.length; from = to) {
    let rows = 0;
    while (to < counts.length && (rows === 0 || rows + counts[to]! <= ROWS)) rows += counts[to++]!;
    const [reward, bucket, fold, ...values] = (await numbers(
      database,
      `SELECT reward AS c0, bucket AS c1, fold AS c2${features.map(({ column }, i) => `, ${column} AS c${i + 3}`).join("")}
       FROM fitted WHERE list >= ${from} AND list < ${to} ORDER BY list, position`,
      ["float64", "int32", "int32", ...features.map(() => "float64" as const)],
    )) as [Float64Array, Int32Array, Int32Array, ...Float64Array[]];
    let start = 0;
    for (let list = from; list < to; list++) {
      let left = 0;
      for (let k = counts[list]! - 1; k >= 0; k--) {
        const row = start + k;
        left += reward[row]!;
        for (let i = 0; i < x.length; i++) x[i] = scaled(features[i]!, values[i]![row]!);
        visit({ fold: fold[row]!, bucket: bucket[row]!, position: Math.min(k, POSITIONS - 1) }, x, left);
      }
      start += counts[list]!;
    }
  }
}

function refuseEmpty(own: readonly Moments[]): void {
  if (own.every(({ gram }) => gram[0]! > 0)) return;
  throw invalid(
    `a reward model is fitted in ${FOLDS} folds of requests, and one of them has no request: the log is too short. Name the column of predicted rewards with \`--predicted\`.`,
  );
}
