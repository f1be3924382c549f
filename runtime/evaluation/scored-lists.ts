/**
 * Scores of all candidates in the table `logged` → the policy's probabilities of the shown items. Lists are read in parts, so that memory
 * does not grow with the number of candidates.
 */
import type { Json } from "@duckdb/node-api";
import type { DrawRule } from "../../operators/shared/spec/facts.js";
import { type Column, childRows, rootRows } from "../base/columns/table.js";
import { invalid, type RuntimeFault } from "../base/errors.js";
import { cellOf, columnOf } from "../engine/golden/cells.js";
import type { Database } from "../etl/database.js";
import { listMarginals, type Marginals } from "./list-marginals.js";
import { parts, REPLAYED_ROWS, ROWS } from "./list-parts.js";
import type { LogColumns, PolicySource, ReplaySource } from "./log-columns.js";
import { ends, numbers } from "./read-numbers.js";
import type { FittedRewards } from "./reward-model/fit.js";
import { addPositions, fittedColumns, readFitted } from "./reward-model/fitted-rows.js";
import { policyOfScores } from "./score-policy.js";

export const ALL_CANDIDATES =
  "Log them with `log: { candidates: { all: 1 } }` in the third argument of `ensemble`, and join with `--not-shown keep`.";

export interface ScoredLog {
  /** The policy's probability of each shown item [shown rows]. */
  readonly policy: Float64Array;
  /** Predicted rewards of shown items, and of the policy in their place [shown rows]. */
  readonly model?: { readonly logged: Float64Array; readonly expected: Float64Array };
  /** Probabilities of shown items at their positions, whatever is above them [shown rows]. */
  readonly marginal?: Marginals;
  /** Mean probability, at position 1, of items that no list shows. */
  readonly neverShown: number;
}

/** Drops the table `logged`, which its own copy replaces. @param propensity logged, of the shown rows @param counts shown items of each list [lists] @throws RuntimeFault for a log that lacks candidates, or has a score that is NaN */
export async function scoredLists(
  database: Database,
  { policy: source, predicted, loggedDraw }: LogColumns,
  { propensity }: { readonly propensity: Float64Array },
  counts: Int32Array,
  fitted?: FittedRewards,
): Promise<ScoredLog> {
  await refusePartial(database);
  const replayed = source.kind === "replay" ? source.columns.map((_, i) => `f${i}`) : [];
  const features = [...replayed, ...(fitted ? fittedColumns(fitted) : [])].map(sql => `, ${sql}`);
  await database.run(
    `CREATE TEMP TABLE candidates AS SELECT list, position, item, request, row, policy, predicted, logged_score,
       (item IN (SELECT item FROM logged WHERE position IS NOT NULL))::INTEGER AS seen${features.join("")}
     FROM logged JOIN lists USING (request, row) ORDER BY list, position NULLS LAST, item`,
    "sorting the candidates",
  );
  await database.run("DROP TABLE logged", "sorting the candidates");
  const [sizes] = await numbers(database, "SELECT candidates AS c0 FROM lists ORDER BY list", ["int32"]);
  const starts = ends(counts);
  const rows = starts.at(-1)!;
  const policy = new Float64Array(rows);
  const isModelled = predicted !== undefined || fitted !== undefined;
  const model = isModelled ? { logged: new Float64Array(rows), expected: new Float64Array(rows) } : undefined;
  const rule = source.kind === "replay" ? source.rule : ruleOfScores(source);
  const marginal = loggedDraw && { propensity: new Float64Array(rows), policy: new Float64Array(rows) };
  let never = 0;
  for (const { from, to } of parts(sizes, source.kind === "replay" ? REPLAYED_ROWS : ROWS)) {
    const [given, predictions, seen, logged] = await numbers(
      database,
      `SELECT policy AS c0, predicted AS c1, seen AS c2, logged_score AS c3 FROM candidates WHERE list >= ${from} AND list < ${to} ORDER BY list, position NULLS LAST, item`,
      ["float64", "float64", "int32", "float64"],
    );
    const models = fitted ? await readFitted(database, fitted, from, to) : predictions;
    const [own, shown] = [sizes.subarray(from, to), counts.subarray(from, to)];
    const scores = source.kind === "replay" ? await replayScores(database, source, from, own) : given;
    const found = policyOfScores({ starts: ends(own), shown, scores, ...(model && { predicted: models }) }, rule);
    policy.set(found.policy, starts[from]);
    model?.logged.set(shownOf(models, own, shown), starts[from]);
    model?.expected.set(found.expected, starts[from]);
    if (marginal) {
      const lists = {
        from,
        sizes: own,
        shown,
        logged,
        scores,
        propensity: propensity.subarray(starts[from], starts[to]),
      };
      const made = await listMarginals(database, lists, { logged: loggedDraw, policy: rule });
      marginal.propensity.set(made.propensity, starts[from]);
      marginal.policy.set(made.policy, starts[from]);
    }
    for (const [i, share] of found.first.entries()) if (seen[i] === 0) never += share;
  }
  await database.run("DROP TABLE candidates", "reading the candidates");
  if (fitted && model) await addPositions(database, fitted, counts, model);
  return { policy, ...(model && { model }), ...(marginal && { marginal }), neverShown: never / counts.length };
}

const ruleOfScores = (source: Exclude<PolicySource, { readonly kind: "replay" }>): DrawRule =>
  source.kind === "score" && source.temperature !== undefined ? { temperature: source.temperature } : {};

/** A sample of the candidates is not enough for the sums. */
async function refusePartial(database: Database): Promise<void> {
  const [[others, lone]] = (await database.rows(
    "SELECT count(*) FILTER (position IS NULL)::DOUBLE, count(*) FILTER (NOT complete)::DOUBLE FROM logged",
    "counting the candidates",
  )) as [[number, number]];
  if (others === 0)
    throw invalid(
      `the log has shown items alone, and the probability of an item depends on the scores of all candidates. ${ALL_CANDIDATES}`,
    );
  if (lone > 0)
    throw invalid(
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

/**
 * Logged columns of candidates, list by list → the scores that a replayed plan gives them.
 * Scores of lists of the table `candidates`, in the order of list, position (null last) and item.
 * @param from number of the first list @param sizes candidates of each list @throws RuntimeFault, also for a score that is NaN
 */
async function replayScores(
  database: Database,
  { columns, score }: ReplaySource,
  from: number,
  sizes: Int32Array,
): Promise<Float64Array> {
  const features = columns.map((_, i) => `f${i}`);
  const place = `FROM candidates WHERE list >= ${from} AND list < ${from + sizes.length} ORDER BY list, position NULLS LAST, item`;
  const found = await database.rows(`SELECT ${features.join(", ")} ${place}`, "reading the candidates");
  const scores = await score(columnsOf(found, columns, ends(sizes)));
  const odd = scores.findIndex(Number.isNaN);
  if (odd >= 0) throw await oddScore(database, `${place} LIMIT 1 OFFSET ${odd}`);
  return scores;
}

function columnsOf(
  found: readonly (readonly Json[])[],
  columns: ReplaySource["columns"],
  offsets: Int32Array,
): ReadonlyMap<string, Column> {
  const rows = childRows(rootRows(offsets.length - 1), offsets);
  return new Map(
    columns.map((schema, c) => {
      const cells = found.map(row => cellOf(row[c]!, schema.dtype));
      return [schema.name, columnOf(schema, cells, rows)] as const;
    }),
  );
}

async function oddScore(database: Database, place: string): Promise<RuntimeFault> {
  const [[request, row, item]] = (await database.rows(
    `SELECT request, row::VARCHAR, item ${place}`,
    "looking for a candidate",
  )) as [[string, string, string]];
  return invalid(
    `the ensemble's score is NaN for item ${JSON.stringify(item.slice(0, 60))} in request ${JSON.stringify(request.slice(0, 60))}, row ${row}. Is a logged feature null there?`,
  );
}
