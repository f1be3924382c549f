/**
 * Candidates, scores and groups → the best of each user with at most `max` of a group, and with places kept for some groups. Greedy from
 * the best down: a candidate is taken if its group has room and enough places stay free for the quotas of other groups.
 */
import { RuntimeFault } from "../../runtime/base/errors.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { keepLargest } from "../shared/kernel/keep-largest.js";
import { orderCandidates, orderingNames } from "../shared/kernel/order-candidates.js";
import { groupNumbers } from "./kernel-group-numbers.js";

export const limitPerGroup: Kernel<"limitPerGroup"> = {
  prepare: step => {
    const { topk, max = Number.POSITIVE_INFINITY, atLeast } = step.params;
    const names = orderingNames(step);
    const groupName = step.inputs.group[0].name;
    const owedGroups = Object.keys(atLeast);
    const places = Object.values(atLeast);
    return {
      run: inputs => {
        const column = inputs.group[0];
        if (column.rows !== inputs.input[0].rows)
          throw new RuntimeFault(
            "INVALID_ARGUMENT",
            `column \`${groupName}\` has ${column.rows.count} rows and \`${names.ids}\` ${inputs.input[0].rows.count}.`,
          );
        const { numbers, count: groups } = groupNumbers(column, owedGroups);
        const taken = new Int32Array(groups);
        const owed = new Int32Array(places.length);
        return orderCandidates(inputs, names, () => (scores, count, start) => {
          taken.fill(0);
          owed.fill(0);
          for (let i = 0; i < count; i++) {
            const group = numbers[start + i]!;
            if (group >= 0 && group < places.length && owed[group]! < places[group]!) owed[group]!++;
          }
          let owedSum = owed.reduce((sum, n) => sum + n, 0);
          const order = keepLargest(scores, 0, count, count);
          const kept = new Int32Array(Math.min(topk, order.length));
          let n = 0;
          for (const i of order) {
            if (n === topk) break;
            const group = numbers[start + i]!;
            if (group < 0) {
              if (topk - n > owedSum) kept[n++] = i;
              continue;
            }
            const isOwed = group < places.length && owed[group]! > 0;
            if (taken[group]! >= max || (!isOwed && topk - n <= owedSum)) continue;
            if (isOwed) {
              owed[group]!--;
              owedSum--;
            }
            taken[group]!++;
            kept[n++] = i;
          }
          return kept.subarray(0, n);
        });
      },
    };
  },
};
