/**
 * Candidates and their scores → `topk` of each user's candidates, without replacement, with probability proportional to exp(T · score).
 * A Gumbel race in log space: keep the largest T·s − ln(−ln u). The draw depends on the seed, the step and the row's own candidates only,
 * so a batch answers what its rows answer one by one. O(n · k) for small k, O(n log n) else. With `minPropensity` a position at a time is
 * drawn, O(n · k).
 * Propensities are those of the weights exp(T · score), O(n + k). The race is exact up to the rounding of its keys, about |T · s| · 2⁻⁵³.
 */

import { float64s, int32s } from "../../runtime/base/columns/short-arrays.js";
import type { Rows, Values } from "../../runtime/base/columns/table.js";
import type { Kernel, RunContext } from "../../runtime/engine/schedule/kernel.js";
import { drawPropensities } from "../shared/kernel/draw-propensities.js";
import { keepLargest } from "../shared/kernel/keep-largest.js";
import { COUNTERS, mixedDraw, type NextPlace } from "../shared/kernel/mixed-draw.js";
import {
  type Choose,
  certain,
  longestRow,
  orderCandidates,
  orderingNames,
  type Propensities,
} from "../shared/kernel/order-candidates.js";
import { uniform } from "../shared/kernel/philox.js";
import { logWeight } from "../shared/kernel/plackett-luce.js";
import { rowWords } from "../shared/kernel/row-words.js";
import { hashText } from "../shared/kernel/text-hash.js";
import { uniformFloor } from "../shared/spec/exploration.js";

export const softmaxSampling: Kernel<"softmaxSampling"> = {
  prepare: step => {
    const { topk, mode, seed, temperature, propensity, minPropensity } = step.params;
    const names = orderingNames(step);
    const stepHash = hashText(step.id);
    const floor = uniformFloor(minPropensity);
    const greedy: Choose = (scores, count) => keepLargest(scores, count, topk);
    const sampled =
      (context: RunContext) =>
      (rows: Rows, ids: Values): Choose => {
        const words = rowWords({ context, seed, stepHash }, rows, ids);
        const most = longestRow(rows);
        if (floor) {
          const random = int32s(2 * COUNTERS * Math.min(most, topk));
          return (scores, count, start, row) => {
            const positions = Math.min(count, topk);
            words(random, COUNTERS * positions, start, start + count, row);
            return mixedDraw(floor, count, positions, random, weightedNext(scores, count, temperature));
          };
        }
        const [random, keys] = [int32s(2 * most), float64s(most)];
        return (scores, count, start, row) => {
          words(random, count, start, start + count, row);
          for (let i = 0; i < count; i++) {
            const u = uniform(random[2 * i]!, random[2 * i + 1]!);
            keys[i] = logWeight(temperature, scores[i]!) - Math.log(-Math.log(u));
          }
          return keepLargest(keys, count, topk);
        };
      };
    const rule = { temperature, ...(floor && { uniform: floor }) };
    const drawn: Propensities = (scores, count, chosen, out) => drawPropensities(rule, scores, count, chosen, out);
    const shares = propensity ? (mode === "greedy" ? certain : drawn) : undefined;
    return {
      run: (inputs, context) =>
        orderCandidates(inputs, names, mode === "greedy" ? () => greedy : sampled(context), shares),
    };
  },
};

/**
 * A place's probability is exact up to 2⁻⁵³: the floor that is mixed in exceeds this.
 * @param scores float64[≥ count]: places 0 … count − 1; read at each position
 */
function weightedNext(scores: Float64Array, count: number, temperature: number): NextPlace {
  /** exp(weight − weight of `heaviest`) of each candidate */
  const shares = float64s(count);
  const weightOf = (i: number): number => logWeight(temperature, scores[i]!);
  let heaviest = -1;
  return (isTaken, chance) => {
    if (heaviest < 0 || isTaken[heaviest] === 1) {
      heaviest = heaviestOf(isTaken, count, weightOf);
      const most = weightOf(heaviest);
      for (let i = 0; i < count; i++) shares[i] = Number.isFinite(most) ? Math.exp(weightOf(i) - most) : 0;
    }
    // The first of infinite weight is certain.
    if (!Number.isFinite(weightOf(heaviest))) return heaviest;
    let total = 0;
    for (let i = 0; i < count; i++) if (isTaken[i] === 0) total += shares[i]!;
    let rest = chance * total;
    let place = heaviest;
    for (let i = 0; i < count; i++) {
      if (isTaken[i] === 1 || shares[i] === 0) continue;
      place = i;
      rest -= shares[i]!;
      if (rest < 0) break;
    }
    return place;
  };
}

function heaviestOf(isTaken: Uint8Array, count: number, weightOf: (i: number) => number): number {
  let best = -1;
  for (let i = 0; i < count; i++) if (isTaken[i] === 0 && (best < 0 || weightOf(i) > weightOf(best))) best = i;
  return best;
}
