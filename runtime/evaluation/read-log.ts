/** The table `logged` → typed arrays of lists, with the evaluation policy's probabilities. */
import type { DrawRule } from "../../operators/shared/spec/facts.js";
import { RuntimeFault } from "../base/errors.js";
import { type Database, type DatabaseOptions, openDatabase } from "../etl/database.js";
import { texts } from "../etl/sql/literal.js";
import type { ClusteredLog } from "./evaluate.js";
import { loadLog } from "./load-log.js";
import type { LogColumns, PolicySource, ReplaySource } from "./log-columns.js";
import { replayScores } from "./replay-scores.js";
import { policyOfScores } from "./score-policy.js";

/** Segments that are reported, the most frequent first. */
const MOST_SEGMENTS = 20;

const fault = (message: string): RuntimeFault => new RuntimeFault("INVALID_ARGUMENT", message);

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
    await loadLog(database, data, columns);
    await database.run(
      `CREATE TEMP TABLE lists AS SELECT *, (row_number() OVER (ORDER BY request, row) - 1)::INTEGER AS list,
         (dense_rank() OVER (ORDER BY request) - 1)::INTEGER AS cluster
       FROM (SELECT request, row, count(position)::INTEGER AS shown, count(*)::INTEGER AS candidates, min(segment) AS segment FROM logged
             GROUP BY request, row HAVING count(position) > 0)`,
      "grouping the lists",
    );
    return await (columns.policy.kind === "column" ? plainLog(database, columns) : scoredLog(database, columns));
  } finally {
    await database.close();
  }
}

type Shown = Pick<ClusteredLog, "starts" | "reward" | "propensity" | "marginal">;

async function shownRows(database: Database, { marginalPolicy, marginalPropensity }: LogColumns) {
  const [cluster, counts] = await numbers(database, "SELECT cluster AS c0, shown AS c1 FROM lists ORDER BY list", [
    "int32",
    "int32",
  ]);
  const [reward, propensity, policy, predicted, toMarginal, ofMarginal] = await numbers(
    database,
    `SELECT reward AS c0, propensity AS c1, policy AS c2, predicted AS c3, marginal_policy AS c4, marginal_propensity AS c5
     FROM logged JOIN lists USING (request, row) WHERE position IS NOT NULL ORDER BY list, position`,
    Array(6).fill("float64"),
  );
  const both = [marginalPolicy, marginalPropensity].filter(name => name !== undefined).length;
  if (both === 1)
    throw fault("`--marginal-policy` and `--marginal-propensity` name two columns of one pair. Give both or neither.");
  const shown: Shown = {
    starts: ends(counts as Int32Array),
    reward: reward as Float64Array,
    propensity: propensity as Float64Array,
    ...(both === 2 && {
      marginal: { policy: toMarginal as Float64Array, propensity: ofMarginal as Float64Array },
    }),
  };
  return {
    shown,
    clusterOf: cluster as Int32Array,
    counts: counts as Int32Array,
    policy: policy as Float64Array,
    predicted: predicted as Float64Array,
  };
}

/** The policy's probabilities are in a column. */
async function plainLog(database: Database, columns: LogColumns): Promise<ClusteredLog> {
  const { shown, clusterOf, counts, policy, predicted } = await shownRows(database, columns);
  const isSingle = counts.every(count => count === 1);
  if (columns.predicted !== undefined && !isSingle)
    throw fault(
      "`--predicted` with `--policy` is for lists of one item. For longer lists a doubly robust estimate needs the policy's probabilities after each item: use `--score`.",
    );
  const [[unseen]] = (await database.rows(
    `SELECT sum(policy) FILTER (item NOT IN (SELECT item FROM logged WHERE position IS NOT NULL)) / nullif(sum(policy), 0)
     FROM logged WHERE (SELECT count(*) FROM logged WHERE position IS NULL AND policy IS NOT NULL) > 0`,
    "looking for items that were never shown",
  )) as [[number | null]];
  return {
    ...shown,
    policy,
    clusterOf,
    ...(columns.predicted !== undefined && { model: { logged: predicted, expected: await expectedOfRows(database) } }),
    ...(unseen !== null && { neverShown: Number(unseen) }),
    ...(await segmentsOf(database, columns)),
  };
}

/** Σ π_e(a) · predicted(a) of each request, over its candidates. */
async function expectedOfRows(database: Database): Promise<Float64Array> {
  const [odd] = await database.rows(
    `SELECT request, row::VARCHAR, round(sum(policy), 4)::VARCHAR FROM logged GROUP BY request, row
     HAVING NOT (abs(sum(policy) - 1) < 0.001) OR count(policy) < count(*) ORDER BY 1, 2 LIMIT 1`,
    "adding the policy's probabilities",
  );
  if (odd)
    throw fault(
      `the policy's probabilities of request \`${odd[0]}\`, row ${odd[1]}, add up to ${odd[2] ?? "null"}, expected 1: a reward model needs every candidate. ${ALL_CANDIDATES}`,
    );
  const [expected] = await numbers(
    database,
    `SELECT any_value(mean) AS c0 FROM lists JOIN (SELECT request, row, sum(policy * predicted) / sum(policy) AS mean FROM logged GROUP BY ALL)
     USING (request, row) GROUP BY list ORDER BY list`,
    ["float64"],
  );
  return expected as Float64Array;
}

const ALL_CANDIDATES =
  "Log them with `log: { candidates: { all: 1 } }` in the third argument of `ensemble`, and join with `--not-shown keep`.";

/** The policy's probabilities follow from the scores of all candidates. */
async function scoredLog(database: Database, columns: LogColumns): Promise<ClusteredLog> {
  const { policy: source, predicted } = columns;
  const rule = source.kind === "replay" ? source.rule : ruleOfScores(source);
  const [[others]] = (await database.rows(
    "SELECT count(*)::DOUBLE FROM logged WHERE position IS NULL",
    "counting the candidates",
  )) as [[number]];
  if (others === 0)
    throw fault(
      `the log has shown items alone, and the probability of an item depends on the scores of all candidates. ${ALL_CANDIDATES}`,
    );
  await refusePartial(database);
  const { shown, clusterOf, counts } = await shownRows(database, columns);
  const [candidates] = await numbers(database, "SELECT candidates AS c0 FROM lists ORDER BY list", ["int32"]);
  const [scores, models, seen] = await numbers(
    database,
    `SELECT policy AS c0, predicted AS c1, (item IN (SELECT item FROM logged WHERE position IS NOT NULL))::INTEGER AS c2
     FROM logged JOIN lists USING (request, row) ORDER BY list, position NULLS LAST, item`,
    ["float64", "float64", "int32"],
  );
  const found = policyOfScores(
    {
      starts: ends(candidates as Int32Array),
      shown: counts,
      scores:
        source.kind === "replay"
          ? await replayScores(database, source, candidates as Int32Array)
          : (scores as Float64Array),
      ...(predicted !== undefined && { predicted: models as Float64Array }),
    },
    rule,
  );
  const never = found.first.reduce((total, share, i) => total + (seen![i] === 0 ? share : 0), 0);
  const rowsShown = counts.length;
  return {
    ...shown,
    policy: found.policy,
    clusterOf,
    ...(predicted !== undefined && {
      model: { logged: shownOf(models as Float64Array, candidates as Int32Array, counts), expected: found.expected },
    }),
    neverShown: never / rowsShown,
    ...(await segmentsOf(database, columns)),
  };
}

const ruleOfScores = (source: Exclude<PolicySource, ReplaySource>): DrawRule =>
  source.kind === "score" && source.temperature !== undefined ? { temperature: source.temperature } : {};

/** A sample of the candidates is not enough for the sums. */
async function refusePartial(database: Database): Promise<void> {
  const [[lone]] = (await database.rows(
    "SELECT count(*)::DOUBLE FROM logged WHERE NOT complete",
    "looking for sampled candidates",
  )) as [[number]];
  if (lone > 0)
    throw fault(
      `${lone.toLocaleString("en-US")} rows have a \`log_rate\` below 1: candidates were sampled, and the probability of an item depends on the scores of all. ${ALL_CANDIDATES}`,
    );
}

/** The values of the shown rows, which are first in each list. */
function shownOf(values: Float64Array, candidates: Int32Array, counts: Int32Array): Float64Array {
  const out = new Float64Array(counts.reduce((sum, count) => sum + count, 0));
  let [from, to] = [0, 0];
  for (let l = 0; l < counts.length; l++) {
    out.set(values.subarray(from, from + counts[l]!), to);
    from += candidates[l]!;
    to += counts[l]!;
  }
  return out;
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
  return { segments: { column: segment, names, of: of as Int32Array } };
}

/** Counts → where each begins, and the total. */
function ends(counts: Int32Array): Int32Array {
  const starts = new Int32Array(counts.length + 1);
  for (let l = 0; l < counts.length; l++) starts[l + 1] = starts[l]! + counts[l]!;
  return starts;
}

async function numbers(
  database: Database,
  sql: string,
  dtypes: readonly ("float64" | "int32")[],
): Promise<readonly (Float64Array | Int32Array)[]> {
  const columns = await database.packed(sql, dtypes, "reading the lists");
  return columns.map(({ values }) => values as Float64Array | Int32Array);
}
