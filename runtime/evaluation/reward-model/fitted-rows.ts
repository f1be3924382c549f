/** Predictions of a fitted reward model, for the candidates of lists that are read in parts. */
import type { Database } from "../../etl/database.js";
import { parts, ROWS } from "../list-parts.js";
import { ends, numbers } from "../read-numbers.js";
import type { RewardModel } from "../single-action.js";
import { bucketSql, type FittedRewards } from "./fit.js";

/** SQL of the columns that a table of candidates needs, from `logged` and `lists`. */
export const fittedColumns = ({ features }: FittedRewards): readonly string[] => [
  ...features.map(({ column }) => column),
  `${bucketSql("item")} AS bucket`,
  "fold",
];

/**
 * The parts of predictions that depend on the candidate, for lists `from` … `to` − 1 of the table `candidates`.
 * @returns float64[rows], in the order of list, position (null last) and item
 */
export async function readFitted(
  database: Database,
  { features, predict }: FittedRewards,
  from: number,
  to: number,
): Promise<Float64Array> {
  const [bucket, fold, ...values] = (await numbers(
    database,
    `SELECT bucket AS c0, fold AS c1${features.map(({ column }, i) => `, ${column} AS c${i + 2}`).join("")}
     FROM candidates WHERE list >= ${from} AND list < ${to} ORDER BY list, position NULLS LAST, item`,
    ["int32", "int32", ...features.map(() => "float64" as const)],
  )) as [Int32Array, Int32Array, ...Float64Array[]];
  return predict({ features: values, bucket, fold });
}

/** Adds the effects of positions to predictions of the shown rows. @param counts shown items of each list [lists] */
export async function addPositions(
  database: Database,
  { at }: FittedRewards,
  counts: Int32Array,
  { logged, expected }: RewardModel,
): Promise<void> {
  const [folds] = await numbers(database, "SELECT fold AS c0 FROM lists ORDER BY list", ["int32"]);
  for (let l = 0, row = 0; l < counts.length; l++)
    for (let k = 0; k < counts[l]!; k++, row++) {
      const effect = at(folds[l]!, k);
      logged[row]! += effect;
      expected[row]! += effect;
    }
}

/** The model of lists of one item, whose policy is a column of probabilities. Reads the table `logged`. */
export async function fittedRows(database: Database, fitted: FittedRewards): Promise<RewardModel> {
  await database.run(
    `CREATE TEMP TABLE candidates AS SELECT list, position, item, policy, ${fittedColumns(fitted).join(", ")}
     FROM logged JOIN lists USING (request, row) ORDER BY list, position NULLS LAST, item`,
    "sorting the candidates",
  );
  const [sizes] = await numbers(database, "SELECT candidates AS c0 FROM lists ORDER BY list", ["int32"]);
  const model = { logged: new Float64Array(sizes.length), expected: new Float64Array(sizes.length) };
  for (const { from, to } of parts(sizes, ROWS)) {
    const [policy] = await numbers(
      database,
      `SELECT policy AS c0 FROM candidates WHERE list >= ${from} AND list < ${to} ORDER BY list, position NULLS LAST, item`,
      ["float64"],
    );
    const predicted = await readFitted(database, fitted, from, to);
    const starts = ends(sizes.subarray(from, to));
    for (let l = from; l < to; l++) {
      const [start, end] = [starts[l - from]!, starts[l - from + 1]!];
      let [above, below] = [0, 0];
      for (let i = start; i < end; i++) {
        above += policy[i]! * predicted[i]!;
        below += policy[i]!;
      }
      model.logged[l] = predicted[start]!;
      model.expected[l] = above / below;
    }
  }
  await database.run("DROP TABLE candidates", "reading the candidates");
  await addPositions(database, fitted, sizes.slice().fill(1), model);
  return model;
}
