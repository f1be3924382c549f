/**
 * Candidates and their scores -> `topk` of each user's candidates, without replacement, with probability proportional to exp(T · score).
 * A Gumbel race in log space: keep the largest T·s − ln(−ln u). The draw depends on the seed, the step and the row's own candidates only,
 * so a batch answers what its rows answer one by one. O(n · k) for small k, O(n log n) else.
 */
import type { Kernel, RunContext } from "../plan/kernel.js";
import { ancestorIndex } from "../plan/row-map.js";
import { float64s } from "../plan/short-arrays.js";
import { type Rows, type Values, words } from "../plan/table.js";
import { keepLargest } from "./keep-largest.js";
import { orderCandidates, orderingNames } from "./order-candidates.js";
import { philox, uniform } from "./philox.js";

export const softmaxSampling: Kernel<"softmaxSampling"> = {
  prepare: step => {
    const { topk, temperature, mode, seed } = step.params;
    const names = orderingNames(step);
    const stepHash = hashText(step.id);
    const greedy: Prepare = scores => (start, end) => keepLargest(scores, start, end, topk);
    const sampled =
      (context: RunContext): Prepare =>
      (scores, ids) => {
        const run = gumbelRace(temperature, seedOfRow(context, seed, ids.rows), stepHash, ids.values);
        const keys = float64s(scores.length);
        return (start, end, row) => {
          run(scores, keys, start, end, row);
          return keepLargest(keys, start, end, topk);
        };
      };
    return { run: (inputs, context) => orderCandidates(inputs, names, mode === "greedy" ? greedy : sampled(context)) };
  },
};

type Prepare = Parameters<typeof orderCandidates>[2];

/** Writes the keys of one row's candidates, which are those from `start` to `end`. */
type Race = (scores: Float64Array, keys: Float64Array, start: number, end: number, row: number) => void;

/** The request's seed, else the author's, else what the server drew. */
function seedOfRow({ seed, seeds, parameters }: RunContext, authored: number | undefined, rows: Rows) {
  if (authored !== undefined && !parameters.has("seed")) return always(BigInt(authored));
  if (!seeds) return always(seed);
  let root = rows;
  while (root.parent) root = root.parent;
  const request = rows.parent === root ? undefined : ancestorIndex(rows.parent!, root);
  return (row: number): bigint => seeds[request ? request[row]! : row] ?? seed;
}

const always = (seed: bigint) => (): bigint => seed;

function gumbelRace(temperature: number, seedOf: (row: number) => bigint, stepHash: number, ids: Values): Race {
  let seed: bigint | undefined;
  let [key0, key1] = [0, 0];
  return (scores, keys, start, end, row) => {
    const own = seedOf(row);
    if (own !== seed) {
      seed = own;
      key0 = Number(BigInt.asIntN(32, own));
      key1 = Number(BigInt.asIntN(32, own >> 32n));
    }
    const rowHash = hashRun(ids, start, end);
    for (let i = start; i < end; i++) {
      counter[0] = i - start;
      counter[1] = rowHash;
      counter[2] = stepHash;
      counter[3] = 0;
      philox(counter, key0, key1);
      // Without a temperature every candidate has the same chance, one of infinite score too.
      const weight = temperature === 0 ? 0 : temperature * scores[i]!;
      keys[i] = weight - Math.log(-Math.log(uniform(counter[0]!, counter[1]!)));
    }
  };
}

/** Shared by all races: a row's keys are one turn. */
const counter = new Uint32Array(4);

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
