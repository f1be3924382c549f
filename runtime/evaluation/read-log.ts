/** The table `logged` → typed arrays of lists, with the evaluation policy's probabilities. */
import { invalid } from "../base/errors.js";
import { type Database, type DatabaseOptions, openDatabase } from "../etl/database.js";
import { texts } from "../etl/sql/literal.js";
import type { ClusteredLog } from "./evaluate.js";
import { loadLog } from "./load-log.js";
import type { LogColumns } from "./log-columns.js";
import { ends, numbers } from "./read-numbers.js";
import { type FittedRewards, FOLDS, fitRewards, foldSql } from "./reward-model/fit.js";
import { fittedRows } from "./reward-model/fitted-rows.js";
import { ALL_CANDIDATES, scoredLists } from "./scored-lists.js";

/** Segments that are reported, the most frequent first. */
const MOST_SEGMENTS = 20;

/**
 * Reads the lists of a log, sorted by request, row and position.
 * @param data files, folders or globs @throws RuntimeFault naming a file, a column or a row, and a way out
 */
export async function readLog(
  data: readonly string[],
  columns: LogColumns,
  options: DatabaseOptions = {},
): Promise<ClusteredLog> {
  const database = await openDatabase(options);
  try {
    const features = await loadLog(database, data, columns);
    await database.run(
      `CREATE TEMP TABLE lists AS SELECT *, (row_number() OVER (ORDER BY request, row) - 1)::INTEGER AS list,
         (dense_rank() OVER (ORDER BY request) - 1)::INTEGER AS cluster, ${foldSql("request")} AS fold
       FROM (SELECT request, row, count(position)::INTEGER AS shown, count(*)::INTEGER AS candidates, min(segment) AS segment FROM logged
             GROUP BY request, row HAVING count(position) > 0)`,
      "grouping the lists",
    );
    const fitted = columns.fitRewards && (await fitRewards(database, features));
    const log = await (columns.policy.kind === "column" ? plainLog : scoredLog)(database, columns, fitted);
    return {
      ...log,
      ...(fitted && { fittedRewards: { columns: fitted.features.map(({ name }) => name), folds: FOLDS } }),
    };
  } finally {
    await database.close();
  }
}

type Shown = Pick<ClusteredLog, "starts" | "reward" | "propensity" | "marginal">;

/** Rewards, propensities and further columns of the shown rows, and the counts of their lists. */
async function shownRows(
  database: Database,
  { marginalPolicy, marginalPropensity, loggedDraw, policy }: LogColumns,
  more: readonly ("policy" | "predicted")[],
) {
  const both = [marginalPolicy, marginalPropensity].filter(name => name !== undefined).length;
  if (both === 1)
    throw invalid(
      "`--marginal-policy` and `--marginal-propensity` name two columns of one pair. Give both or neither.",
    );
  if (loggedDraw && both === 2)
    throw invalid("marginal probabilities are in columns, and are not computed. Leave one of them out.");
  if (loggedDraw && policy.kind === "column")
    throw invalid(
      "marginal probabilities of the new policy follow from its scores of all candidates. Give an ensemble or `--score`, or name the columns with `--marginal-policy` and `--marginal-propensity`.",
    );
  const [clusterOf, counts] = await numbers(database, "SELECT cluster AS c0, shown AS c1 FROM lists ORDER BY list", [
    "int32",
    "int32",
  ]);
  const read = ["reward", "propensity", ...more, ...(both === 2 ? ["marginal_policy", "marginal_propensity"] : [])];
  const found = await numbers(
    database,
    `SELECT ${read.map((name, i) => `${name} AS c${i}`).join(", ")}
     FROM logged JOIN lists USING (request, row) WHERE position IS NOT NULL ORDER BY list, position`,
    read.map(() => "float64" as const),
  );
  const of = (name: string): Float64Array => found[read.indexOf(name)]!;
  const shown: Shown = {
    starts: ends(counts),
    reward: of("reward"),
    propensity: of("propensity"),
    ...(both === 2 && { marginal: { policy: of("marginal_policy"), propensity: of("marginal_propensity") } }),
  };
  return { shown, clusterOf, counts, of };
}

/** The policy's probabilities are in a column. */
async function plainLog(
  database: Database,
  columns: LogColumns,
  fitted: FittedRewards | undefined,
): Promise<ClusteredLog> {
  const hasColumn = columns.predicted !== undefined;
  const { shown, clusterOf, counts, of } = await shownRows(database, columns, [
    "policy",
    ...(hasColumn ? (["predicted"] as const) : []),
  ]);
  const isSingle = counts.every(count => count === 1);
  if ((hasColumn || fitted) && !isSingle)
    throw invalid(
      "A reward model with `--policy` is for lists of one item. For longer lists a doubly robust estimate needs the policy's probabilities after each item: use `--score`.",
    );
  const [[unseen]] = (await database.rows(
    `SELECT sum(policy) FILTER (item NOT IN (SELECT item FROM logged WHERE position IS NOT NULL)) / nullif(sum(policy), 0)
     FROM logged WHERE (SELECT count(*) FROM logged WHERE position IS NULL AND policy IS NOT NULL) > 0`,
    "looking for items that were never shown",
  )) as [[number | null]];
  if (hasColumn || fitted) await refusePartialSums(database);
  const model = fitted
    ? await fittedRows(database, fitted)
    : hasColumn
      ? { logged: of("predicted"), expected: await expectedOfRows(database) }
      : undefined;
  return {
    ...shown,
    policy: of("policy"),
    clusterOf,
    ...(model && { model }),
    ...(unseen !== null && { neverShown: Number(unseen) }),
    ...(await segmentsOf(database, columns)),
  };
}

/** @throws RuntimeFault if the policy's probabilities of a request do not add up to 1 */
async function refusePartialSums(database: Database): Promise<void> {
  const [odd] = await database.rows(
    `SELECT request, row::VARCHAR, round(sum(policy), 4)::VARCHAR FROM logged GROUP BY request, row
     HAVING NOT (abs(sum(policy) - 1) < 0.001) OR count(policy) < count(*) ORDER BY 1, 2 LIMIT 1`,
    "adding the policy's probabilities",
  );
  if (odd)
    throw invalid(
      `the policy's probabilities of request \`${odd[0]}\`, row ${odd[1]}, add up to ${odd[2] ?? "null"}, expected 1: a reward model needs every candidate. ${ALL_CANDIDATES}`,
    );
}

/** Σ π_e(a) · predicted(a) of each request, over its candidates. */
async function expectedOfRows(database: Database): Promise<Float64Array> {
  const [expected] = await numbers(
    database,
    `SELECT any_value(mean) AS c0 FROM lists JOIN (SELECT request, row, sum(policy * predicted) / sum(policy) AS mean FROM logged GROUP BY ALL)
     USING (request, row) GROUP BY list ORDER BY list`,
    ["float64"],
  );
  return expected;
}

/** The policy's probabilities follow from the scores of all candidates. */
async function scoredLog(
  database: Database,
  columns: LogColumns,
  fitted: FittedRewards | undefined,
): Promise<ClusteredLog> {
  const { shown, clusterOf, counts } = await shownRows(database, columns, []);
  const scored = await scoredLists(database, columns, shown, counts, fitted);
  return { ...shown, ...scored, clusterOf, ...(await segmentsOf(database, columns)) };
}

async function segmentsOf(database: Database, { segment }: LogColumns): Promise<Pick<ClusteredLog, "segments">> {
  if (segment === undefined) return {};
  const found = await database.rows(
    `SELECT coalesce(segment, 'null') FROM lists GROUP BY ALL ORDER BY count(*) DESC, 1 LIMIT ${MOST_SEGMENTS}`,
    "reading the segments",
  );
  const names = found.map(([name]) => String(name));
  const [of] = await numbers(
    database,
    `SELECT (coalesce(list_position(${texts(names)}, coalesce(segment, 'null')), 0) - 1)::INTEGER AS c0 FROM lists ORDER BY list`,
    ["int32"],
  );
  return { segments: { column: segment, names, of } };
}
