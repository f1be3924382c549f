/** Scores of all candidates, by which lists were drawn and by which the policy draws them → marginal probabilities of the shown items. */

import { drawPropensities } from "../../operators/shared/kernel/draw-propensities.js";
import type { DrawRule } from "../../operators/shared/spec/facts.js";
import { invalid } from "../base/errors.js";
import type { Database } from "../etl/database.js";
import { isEnumerated, MOST_CANDIDATES, MOST_STEPS, marginalsOf, stepsOf } from "./marginals.js";
import { ends } from "./read-numbers.js";

/** Lists of one part of the log. */
export interface MarginalLists {
  /** Number of the first list in the log. */
  readonly from: number;
  /** Candidates and shown items of each list [lists]; the shown ones are first, by position. */
  readonly sizes: Int32Array;
  readonly shown: Int32Array;
  /** By which the lists were drawn, and by which the policy draws them [candidates]. */
  readonly logged: Float64Array;
  readonly scores: Float64Array;
  /** Logged probabilities of the shown items, given those above them [shown rows]. */
  readonly propensity: Float64Array;
}

export interface Marginals {
  /** Probabilities of the shown items, whatever is above them [shown rows]. */
  readonly propensity: Float64Array;
  readonly policy: Float64Array;
}

/** Texts and files hold fewer digits than the draw had. */
const TOLERANCE = 1e-4;

/** @throws RuntimeFault for a list that the logged rule does not explain, or that is too long to enumerate */
export async function listMarginals(
  database: Database,
  lists: MarginalLists,
  rules: { readonly logged: DrawRule; readonly policy: DrawRule },
): Promise<Marginals> {
  const { from, sizes, shown, logged, scores, propensity } = lists;
  const starts = ends(sizes);
  const at = ends(shown);
  const made = { propensity: new Float64Array(propensity.length), policy: new Float64Array(propensity.length) };
  for (let l = 0; l < sizes.length; l++) {
    const [start, end, row] = [starts[l]!, starts[l + 1]!, at[l]!];
    const count = shown[l]!;
    const rows = [row, row + count] as const;
    const own = logged.subarray(start, end);
    const odd = oddScore(own, scores.subarray(start, end)) ?? unlike(rules.logged, own, propensity.subarray(...rows));
    const long = [rules.logged, rules.policy].some(isEnumerated) && tooLong(sizes[l]!, count);
    if (odd ?? long) throw invalid(`${await listName(database, from + l)} ${odd ?? long}`);
    marginalsOf(rules.logged, own, count, made.propensity.subarray(...rows));
    marginalsOf(rules.policy, scores.subarray(start, end), count, made.policy.subarray(...rows));
    if (made.propensity.subarray(...rows).some(value => !(value > 0)))
      throw invalid(
        `${await listName(database, from + l)} has an item whose marginal probability is too small for a float64. Use \`rips\`.`,
      );
  }
  return made;
}

function oddScore(logged: Float64Array, scores: Float64Array): string | undefined {
  if (logged.every(Number.isFinite) && scores.every(Number.isFinite)) return undefined;
  return "has a `score` that is null or not finite, and marginal probabilities need those of all candidates. Use `rips`.";
}

/** Whether the rule gives the logged probabilities. */
function unlike(rule: DrawRule, scores: Float64Array, propensity: Float64Array): string | undefined {
  const out = new Float64Array(propensity.length);
  const places = Int32Array.from(propensity.keys());
  drawPropensities(rule, scores, scores.length, places, out);
  const k = out.findIndex((value, i) => !(Math.abs(value - propensity[i]!) <= TOLERANCE * propensity[i]!));
  if (k < 0) return undefined;
  return `has propensity ${propensity[k]!.toPrecision(6)} at position ${k + 1}, and ${nameOf(rule)} gives ${out[k]!.toPrecision(6)} by the column \`score\`. Name the draw that was logged: \`--logged-temperature\`, or the served model with \`--served\`.`;
}

const nameOf = ({ temperature, uniform }: DrawRule): string =>
  (temperature === undefined ? "an order by score" : `a draw of temperature ${temperature}`) +
  (uniform ? " with a uniform part" : "");

function tooLong(count: number, shown: number): string | undefined {
  if (count <= MOST_CANDIDATES && stepsOf(count, shown) <= MOST_STEPS) return undefined;
  return `has ${count} candidates and ${shown} positions. Marginal probabilities of a draw with a uniform part are sums over the sets of items above a position. These are for at most ${MOST_CANDIDATES} candidates, and ${MOST_STEPS.toLocaleString("en-US")} sets times candidates. Use \`rips\`, or a policy without \`epsilon\` and \`minPropensity\`.`;
}

async function listName(database: Database, list: number): Promise<string> {
  const [[request, row]] = (await database.rows(
    `SELECT request, row::VARCHAR FROM lists WHERE list = ${list}`,
    "looking for a list",
  )) as [[string, string]];
  return `the list of request ${JSON.stringify(request.slice(0, 60))}, row ${row},`;
}
