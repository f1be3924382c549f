/**
 * Candidates with scores, and a way to choose among one user's -> the chosen, in order, for every user. What all ordering operators share:
 * users never mix, and a candidate without a score is an error that names it.
 */
import { RuntimeFault } from "../errors.js";
import type { Inputs } from "../plan/kernel.js";
import { float64s, int32s } from "../plan/short-arrays.js";
import { type Column, childRows, gather } from "../plan/table.js";

/** Positions of the chosen among `start … end - 1`, which are those of parent row `row`, best first. */
export type Choose = (start: number, end: number, row: number) => Int32Array;

export interface Names {
  readonly ids: string;
  readonly scores: string;
}

/** Names that the author's program has for ids and scores, for messages. */
export const orderingNames = (step: {
  readonly inputs: Readonly<Record<string, readonly { readonly name: string }[]>>;
}): Names => ({ ids: step.inputs.input![0]!.name, scores: step.inputs.relevance![0]!.name });

/**
 * @param prepare gets every candidate's score as float64, checked, and says how to choose
 * @returns ids and scores of the chosen
 * @throws RuntimeFault naming the candidate whose score is missing
 */
export function orderCandidates(
  inputs: Inputs,
  names: Names,
  prepare: (scores: Float64Array, ids: Column) => Choose,
): Column[] {
  const ids = inputs.input![0]!;
  const scores = inputs.relevance![0]!;
  const { parent, offsets } = ids.rows;
  if (!parent || !offsets)
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `column \`${names.ids}\` holds no candidates: its rows belong to no user.`,
    );
  if (scores.rows !== ids.rows)
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `column \`${names.scores}\` has ${scores.rows.count} rows and \`${names.ids}\` ${ids.rows.count}.`,
    );
  const choose = prepare(checkedScores(ids, scores, offsets, names), ids);
  const runs = int32s(parent.count + 1);
  // As many as there are candidates, at most.
  const chosen = int32s(ids.rows.count);
  let count = 0;
  for (let row = 0; row < parent.count; row++) {
    const run = choose(offsets[row]!, offsets[row + 1]!, row);
    for (let i = 0; i < run.length; i++) chosen[count++] = run[i]!;
    runs[row + 1] = count;
  }
  const rows = childRows(parent, runs);
  const indices = chosen.subarray(0, count);
  return [gather(ids, indices, rows), gather(scores, indices, rows)];
}

function checkedScores(ids: Column, scores: Column, offsets: Int32Array, names: Names): Float64Array {
  const checked = float64s(scores.values.length);
  checked.set(scores.values as Float32Array);
  const { validity } = scores;
  let missing = 0;
  while (missing < checked.length && !Number.isNaN(checked[missing]) && validity?.[missing] !== 0) missing++;
  if (missing === checked.length) return checked;
  let row = 0;
  while (offsets[row + 1]! <= missing) row++;
  throw new RuntimeFault(
    "INVALID_ARGUMENT",
    `column \`${names.scores}\` has no score for candidate ${missing - offsets[row]!} (\`${names.ids}\` ${ids.values[missing]}) of row ${row}. Look at the ranking model's inputs for it.`,
  );
}
