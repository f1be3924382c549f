/**
 * Candidates and their scores -> `topk` of each user's candidates, without replacement, with probability proportional to exp(T · score).
 * A Gumbel race in log space: keep the largest T·s − ln(−ln u). The draw depends on the seed, the step and the row's own candidates only,
 * so a batch answers what its rows answer one by one. O(n · k) for small k, O(n log n) else.
 */
import { RuntimeFault } from "../errors.js";
import type { Kernel, RunContext } from "../plan/kernel.js";
import { type Column, childRows, gather, type Values, words } from "../plan/table.js";
import { keepLargest } from "./keep-largest.js";
import { philox, uniform } from "./philox.js";

export const softmaxSampling: Kernel<"softmaxSampling"> = {
  prepare: step => {
    const { topk, temperature, mode, seed } = step.params;
    const names = { ids: step.inputs.input![0]!.name, scores: step.inputs.relevance![0]!.name };
    const stepHash = hashText(step.id);
    return {
      run: (inputs, context) => {
        const ids = inputs.input![0]!;
        const scores = inputs.relevance![0]!;
        const race =
          mode === "greedy"
            ? (s: number) => s
            : gumbelRace(temperature, chooseSeed(context, seed), stepHash, ids.values);
        return sample(ids, scores, topk, race, names);
      },
    };
  },
};

/** A score's key in the race; `newRow` says which candidates the next keys belong to. */
type Race = ((score: number, i: number) => number) & { newRow?(start: number, end: number): void };

/** The request's seed, else the author's, else what the server drew. */
const chooseSeed = (context: RunContext, authored: number | undefined): bigint =>
  context.parameters.has("seed") || authored === undefined ? context.seed : BigInt(authored);

function sample(
  ids: Column,
  scores: Column,
  topk: number,
  race: Race,
  names: { ids: string; scores: string },
): Column[] {
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
  const values = scores.values as Float32Array;
  const keys = new Float64Array(ids.rows.count);
  const runs = new Int32Array(parent.count + 1);
  const chosen: Int32Array[] = [];
  for (let row = 0; row < parent.count; row++) {
    const start = offsets[row]!;
    const end = offsets[row + 1]!;
    race.newRow?.(start, end);
    for (let i = start; i < end; i++) {
      const score = values[i]!;
      if (Number.isNaN(score) || scores.validity?.[i] === 0)
        throw new RuntimeFault(
          "INVALID_ARGUMENT",
          `column \`${names.scores}\` has no score for candidate ${i - start} (\`${names.ids}\` ${ids.values[i]}) of row ${row}. Look at the ranking model's inputs for it.`,
        );
      keys[i] = race(score, i);
    }
    chosen.push(keepLargest(keys, start, end, topk));
    runs[row + 1] = runs[row]! + chosen[row]!.length;
  }
  const rows = childRows(parent, runs);
  const indices = new Int32Array(rows.count);
  chosen.forEach((run, row) => {
    indices.set(run, runs[row]);
  });
  return [gather(ids, indices, rows), gather(scores, indices, rows)];
}

function gumbelRace(temperature: number, seed: bigint, stepHash: number, ids: Values): Race {
  const key0 = Number(BigInt.asIntN(32, seed));
  const key1 = Number(BigInt.asIntN(32, seed >> 32n));
  const counter = new Uint32Array(4);
  let rowHash = 0;
  let first = 0;
  const race: Race = (score, i) => {
    counter[0] = i - first;
    counter[1] = rowHash;
    counter[2] = stepHash;
    counter[3] = 0;
    philox(counter, key0, key1);
    return temperature * score - Math.log(-Math.log(uniform(counter[0]!, counter[1]!)));
  };
  race.newRow = (start, end) => {
    first = start;
    rowHash = hashRun(ids, start, end);
  };
  return race;
}

/** FNV-1a by words over the ids of one row. */
function hashRun(ids: Values, start: number, end: number): number {
  let hash = 0x811c9dc5;
  const add = (word: number) => {
    hash = Math.imul(hash ^ word, 0x01000193);
    hash ^= hash >>> 15;
  };
  if (ids instanceof BigInt64Array || ids instanceof BigUint64Array) {
    const pairs = words(ids);
    for (let i = 2 * start; i < 2 * end; i++) add(pairs[i]!);
  } else
    for (let i = start; i < end; i++) add(typeof ids[i] === "string" ? hashText(ids[i] as string) : Number(ids[i]));
  return hash;
}

function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}
