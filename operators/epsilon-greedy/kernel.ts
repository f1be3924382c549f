/**
 * Candidates and their scores → `topk` of each user's candidates, the best first, with positions or whole lists that are drawn uniformly.
 * The draw depends on the seed, the step and the row's own candidates only, so a batch answers what its rows answer one by one.
 */

import { int32s } from "../../runtime/base/columns/short-arrays.js";
import type { Rows, Values } from "../../runtime/base/columns/table.js";
import type { Kernel, RunContext } from "../../runtime/engine/schedule/kernel.js";
import { drawPropensities } from "../shared/kernel/draw-propensities.js";
import { keepLargest } from "../shared/kernel/keep-largest.js";
import { COUNTERS, mixedDraw, type NextPlace } from "../shared/kernel/mixed-draw.js";
import { type Choose, longestRow, orderCandidates, orderingNames } from "../shared/kernel/order-candidates.js";
import { rowWords } from "../shared/kernel/row-words.js";
import { hashText } from "../shared/kernel/text-hash.js";
import { ruleOf } from "./spec.js";

export const epsilonGreedy: Kernel<"epsilonGreedy"> = {
  prepare: step => {
    const { topk, seed, propensity } = step.params;
    const rule = ruleOf(step.params);
    const { uniform } = rule;
    const names = orderingNames(step);
    const stepHash = hashText(step.id);
    const greedy: Choose = (scores, count) => keepLargest(scores, count, topk);
    const drawn =
      (context: RunContext) =>
      (rows: Rows, ids: Values): Choose => {
        if (!uniform) return greedy;
        const words = rowWords({ context, seed, stepHash }, rows, ids);
        const random = int32s(2 * COUNTERS * Math.min(longestRow(rows), topk));
        return (scores, count, start, row) => {
          const positions = Math.min(count, topk);
          words(random, COUNTERS * positions, start, start + count, row);
          return mixedDraw(uniform, count, positions, random, bestNext(greedy(scores, count, start, row)));
        };
      };
    const shares = (scores: Float64Array, count: number, chosen: Int32Array, out: Float64Array): number =>
      drawPropensities(rule, scores, count, chosen, out);
    return {
      run: (inputs, context) => orderCandidates(inputs, names, drawn(context), propensity ? shares : undefined),
    };
  },
};

/** @param order the best places, at least as many as the list has positions */
function bestNext(order: Int32Array): NextPlace {
  let first = 0;
  return isTaken => {
    while (isTaken[order[first]!] === 1) first++;
    return order[first]!;
  };
}
