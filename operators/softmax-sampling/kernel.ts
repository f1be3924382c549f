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
import { COUNTERS, mixedDraw } from "../shared/kernel/mixed-draw.js";
import {
  type Choose,
  certain,
  longestRow,
  orderCandidates,
  orderingNames,
  type Propensities,
} from "../shared/kernel/order-candidates.js";
import { rowWords } from "../shared/kernel/row-words.js";
import { hashText } from "../shared/kernel/text-hash.js";
import { uniformFloor } from "../shared/spec/exploration.js";
import { gumbelRace } from "./kernel-gumbel-race.js";
import { weightedNext } from "./kernel-weighted-next.js";

export const softmaxSampling: Kernel<"softmaxSampling"> = {
  prepare: step => {
    const { topk, mode, seed, temperature, propensity, minPropensity } = step.params;
    const names = orderingNames(step);
    const stepHash = hashText(step.id);
    const uniform = uniformFloor(minPropensity);
    const greedy: Choose = (scores, count) => keepLargest(scores, 0, count, topk);
    const sampled =
      (context: RunContext) =>
      (rows: Rows, ids: Values): Choose => {
        const words = rowWords({ context, seed, stepHash }, rows, ids);
        const most = longestRow(rows);
        if (uniform) {
          const random = int32s(2 * COUNTERS * Math.min(most, topk));
          return (scores, count, start, row) => {
            const positions = Math.min(count, topk);
            words(random, COUNTERS * positions, start, start + count, row);
            return mixedDraw(uniform, count, positions, random, weightedNext(scores, count, temperature));
          };
        }
        const [random, keys] = [int32s(2 * most), float64s(most)];
        return (scores, count, start, row) => {
          words(random, count, start, start + count, row);
          return gumbelRace(scores, random, count, step.params, keys);
        };
      };
    const rule = { temperature, ...(uniform && { uniform }) };
    const drawn: Propensities = (scores, count, chosen, out) => drawPropensities(rule, scores, count, chosen, out);
    const shares = propensity ? (mode === "greedy" ? certain : drawn) : undefined;
    return {
      run: (inputs, context) =>
        orderCandidates(inputs, names, mode === "greedy" ? () => greedy : sampled(context), shares),
    };
  },
};
