/**
 * Candidates, scores and groups → the best of each user with at most `max` of a group, and with places kept for some groups. Greedy from
 * the best down: a candidate is taken if its group has room and enough places stay free for the quotas of other groups.
 */
import type { Column } from "../../runtime/base/columns/table.js";
import { words } from "../../runtime/base/columns/words.js";
import { invalid } from "../../runtime/base/errors.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { keepLargest } from "../shared/kernel/keep-largest.js";
import { orderCandidates, orderingNames } from "../shared/kernel/order-candidates.js";

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
          throw invalid(
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
          const order = keepLargest(scores, count, count);
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

/**
 * Values of a column → a small number for each distinct one, nulls −1; so that loops compare numbers.
 * @param known values that get the numbers 0, 1, … whether they occur or not, as text
 */
function groupNumbers(col: Column, known: readonly string[] = []): { numbers: Int32Array; count: number } {
  const found = new Map(known.map((text, i) => [text, i]));
  const keyOf = keys(col);
  const numbers = new Int32Array(col.rows.count);
  for (let i = 0; i < numbers.length; i++) {
    // A float that is no number is null.
    if (col.validity?.[i] === 0 || Number.isNaN(col.values[i])) {
      numbers[i] = -1;
      continue;
    }
    const key = keyOf(i);
    let number = found.get(key);
    if (number === undefined) {
      number = found.size;
      found.set(key, number);
    }
    numbers[i] = number;
  }
  return { numbers, count: found.size };
}

/** Text of a value, as an author writes it. 64-bit integers within 2^53 are read as two words. */
function keys(col: Column): (i: number) => string {
  const { values } = col;
  if (values instanceof BigInt64Array) {
    const pairs = words(values);
    return i => {
      const lo = pairs[2 * i]!;
      const hi = pairs[2 * i + 1]!;
      return hi === lo >> 31 ? `${lo}` : `${values[i]}`;
    };
  }
  if (col.dtype === "bool") return i => (values[i] ? "true" : "false");
  return i => `${values[i]}`;
}
