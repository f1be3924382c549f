/**
 * Candidates with scores, and a way to choose among one user's → the chosen, in order, for every user. The shared part of all ordering
 * operators: users never mix, and a candidate without a score is an error that names it.
 */

import type { PortColumns } from "../../../contract/op-state.js";
import { float64s, int32s } from "../../../runtime/base/columns/short-arrays.js";
import { type Column, childRows, gather, type Rows, type Values } from "../../../runtime/base/columns/table.js";
import { invalid, type RuntimeFault } from "../../../runtime/base/errors.js";
import type { InputsOf } from "../../../runtime/engine/schedule/kernel.js";
import { scoreValues } from "./score-values.js";

/**
 * Places of the chosen among one user's candidates, best first.
 * @param scores of the user's candidates, in positions 0 … count − 1; the rest is unused. All are numbers, or infinite
 * @param start row of the first of them among all users' candidates
 * @param row of the user
 */
export type Choose = (scores: Float64Array, count: number, start: number, row: number) => Int32Array;

/**
 * Writes the probability of each chosen candidate at its position. @param scores @param count as for {@link Choose}
 * @param out float64[chosen.length] @returns the logarithm of the list's probability
 */
export type Propensities = (scores: Float64Array, count: number, chosen: Int32Array, out: Float64Array) => number;

/** Probabilities of a list that has no chance. */
export const certain: Propensities = (_scores, _count, _chosen, out) => {
  out.fill(1);
  return 0;
};

export interface Names {
  readonly ids: string;
  readonly scores: string;
}

/** Names that the author's program has for ids and scores, for messages. */
export const orderingNames = (step: { readonly inputs: PortColumns<{ readonly name: string }>["topK"] }): Names => ({
  ids: step.inputs.input[0].name,
  scores: step.inputs.relevance[0].name,
});

/**
 * @param prepare gets the candidates' rows and ids, and says how to choose
 * @param propensities computes those of the chosen; absent: the columns are not made
 * @returns ids and scores of the chosen; their propensities, and those of their lists
 * @throws RuntimeFault naming the candidate whose score is missing
 */
export function orderCandidates(
  inputs: InputsOf<"topK">,
  names: Names,
  prepare: (rows: Rows, ids: Values) => Choose,
  propensities?: Propensities,
): Column[] {
  const ids = inputs.input[0];
  const scores = inputs.relevance[0];
  const { parent, offsets } = ids.rows;
  if (!parent || !offsets) throw invalid(`column \`${names.ids}\` holds no candidates: its rows belong to no user.`);
  if (scores.rows !== ids.rows)
    throw invalid(`column \`${names.scores}\` has ${scores.rows.count} rows and \`${names.ids}\` ${ids.rows.count}.`);
  const choose = prepare(ids.rows, ids.values);
  // One user's scores at a time, in memory that stays near.
  const own = float64s(longestRow(ids.rows));
  const numbers = scoreValues(scores);
  const runs = int32s(parent.count + 1);
  const chosen: Int32Array[] = [];
  const shares: { readonly each: Float64Array; readonly list: number }[] = [];
  for (let row = 0; row < parent.count; row++) {
    const [start, end] = [offsets[row]!, offsets[row + 1]!];
    own.set(numbers.subarray(start, end));
    if (hasGap(own, scores.validity, start, end - start)) throw noScore(own, ids, scores, row, names);
    const taken = choose(own, end - start, start, row);
    chosen.push(taken);
    if (propensities) {
      const each = float64s(taken.length);
      shares.push({ list: Math.exp(propensities(own, end - start, taken, each)), each });
    }
    runs[row + 1] = runs[row]! + taken.length;
  }
  const rows = childRows(parent, runs);
  const indices = int32s(rows.count);
  for (let row = 0; row < parent.count; row++) {
    const [taken, at, start] = [chosen[row]!, runs[row]!, offsets[row]!];
    for (let i = 0; i < taken.length; i++) indices[at + i] = start + taken[i]!;
  }
  const made = [gather(ids, indices, rows), gather(scores, indices, rows)];
  if (!propensities) return made;
  const [each, list] = [float64s(rows.count), float64s(rows.count)];
  for (const [row, share] of shares.entries()) {
    each.set(share.each, runs[row]!);
    list.fill(share.list, runs[row], runs[row + 1]);
  }
  return [...made, { dtype: "float64", rows, values: each }, { dtype: "float64", rows, values: list }];
}

/** The most candidates that one user has. */
export function longestRow({ parent, offsets }: Rows): number {
  let most = 0;
  for (let row = 0; row < parent!.count; row++) most = Math.max(most, offsets![row + 1]! - offsets![row]!);
  return most;
}

function hasGap(scores: Float64Array, validity: Uint8Array | undefined, start: number, count: number): boolean {
  if (validity?.subarray(start, start + count).includes(0)) return true;
  for (let i = 0; i < count; i++) if (Number.isNaN(scores[i])) return true;
  return false;
}

function noScore(own: Float64Array, ids: Column, { validity }: Column, row: number, names: Names): RuntimeFault {
  const start = ids.rows.offsets![row]!;
  let missing = 0;
  while (!Number.isNaN(own[missing]) && validity?.[start + missing] !== 0) missing++;
  return invalid(
    `column \`${names.scores}\` has no score for candidate ${missing} (\`${names.ids}\` ${ids.values[start + missing]}) of row ${row}: it is ${Number.isNaN(own[missing]) ? "NaN" : "null"}. Look at the ranking model's inputs for it.`,
  );
}
