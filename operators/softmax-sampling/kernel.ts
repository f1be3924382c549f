/**
 * Candidates and their scores → `topk` of each user's candidates, without replacement, with probability proportional to exp(T · score).
 * A Gumbel race in log space: keep the largest T·s − ln(−ln u). The draw depends on the seed, the step and the row's own candidates only,
 * so a batch answers what its rows answer one by one. O(n · k) for small k, O(n log n) else.
 * Propensities are those of the weights exp(T · score), O(n + k). The race is exact up to the rounding of its keys, about |T · s| · 2⁻⁵³.
 */

import { ancestorIndex } from "../../runtime/base/columns/row-map.js";
import { float64s, int32s } from "../../runtime/base/columns/short-arrays.js";
import type { Rows, Values } from "../../runtime/base/columns/table.js";
import { words } from "../../runtime/base/columns/words.js";
import type { Kernel, RunContext } from "../../runtime/engine/schedule/kernel.js";
import { keepLargest } from "../shared/kernel/keep-largest.js";
import {
  type Choose,
  certain,
  longestRow,
  orderCandidates,
  orderingNames,
  type Propensities,
} from "../shared/kernel/order-candidates.js";
import { philoxRun } from "../shared/kernel/philox.js";
import { propensities } from "../shared/kernel/plackett-luce.js";
import { hashText } from "../shared/kernel/text-hash.js";
import { gumbelRace } from "./kernel-gumbel-race.js";

export const softmaxSampling: Kernel<"softmaxSampling"> = {
  prepare: step => {
    const { topk, mode, seed, temperature, propensity } = step.params;
    const names = orderingNames(step);
    const stepHash = hashText(step.id);
    const greedy: Choose = (scores, count) => keepLargest(scores, 0, count, topk);
    const sampled =
      (context: RunContext) =>
      (rows: Rows, ids: Values): Choose => {
        const seedOf = seedOfRow(context, seed, rows);
        const most = longestRow(rows);
        const [random, keys] = [int32s(2 * most), float64s(most)];
        return (scores, count, start, row) => {
          const own = seedOf(row);
          philoxRun(random, count, hashRun(ids, start, start + count), stepHash, lowWord(own), lowWord(own >> 32n));
          return gumbelRace(scores, random, count, step.params, keys);
        };
      };
    const drawn: Propensities = (scores, count, chosen, out) => propensities(scores, count, chosen, temperature, out);
    const shares = propensity ? (mode === "greedy" ? certain : drawn) : undefined;
    return {
      run: (inputs, context) =>
        orderCandidates(inputs, names, mode === "greedy" ? () => greedy : sampled(context), shares),
    };
  },
};

const lowWord = (value: bigint): number => Number(BigInt.asIntN(32, value));

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

const BASIS = 0x811c9dc5;

/** FNV-1a by words over the ids of one row. */
function hashRun(ids: Values, start: number, end: number): number {
  let hash = BASIS;
  if (ids instanceof BigInt64Array || ids instanceof BigUint64Array) {
    const pairs = words(ids);
    for (let i = 2 * start; i < 2 * end; i++) hash = addWord(hash, pairs[i]!);
  } else
    for (let i = start; i < end; i++)
      hash = addWord(hash, typeof ids[i] === "string" ? hashText(ids[i] as string) : Number(ids[i]));
  return hash;
}

function addWord(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x01000193);
  return mixed ^ (mixed >>> 15);
}
