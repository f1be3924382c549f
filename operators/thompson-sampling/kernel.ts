/**
 * Candidates with a mean and a variance each → `topk` of each user's candidates by normal draws, the largest first. The draw depends on the
 * seed, the step and the row's own candidates only, so a batch answers what its rows answer one by one.
 */

import { float64s, int32s } from "../../runtime/base/columns/short-arrays.js";
import type { Column, Rows, Values } from "../../runtime/base/columns/table.js";
import { invalid } from "../../runtime/base/errors.js";
import type { Kernel, RunContext } from "../../runtime/engine/schedule/kernel.js";
import { keepLargest } from "../shared/kernel/keep-largest.js";
import {
  type Choose,
  longestRow,
  type Names,
  orderCandidates,
  orderingNames,
  type Propensities,
} from "../shared/kernel/order-candidates.js";
import { uniform } from "../shared/kernel/philox.js";
import { rowWords } from "../shared/kernel/row-words.js";
import { scoreValues } from "../shared/kernel/score-values.js";
import { hashText } from "../shared/kernel/text-hash.js";
import { firstChance } from "./kernel-first-chance.js";

export const thompsonSampling: Kernel<"thompsonSampling"> = {
  prepare: step => {
    const { topk, scale, seed, propensity } = step.params;
    const names = orderingNames(step);
    const varianceName = step.inputs.variance[0].name;
    const stepHash = hashText(step.id);
    const prepareDraw =
      (context: RunContext, variance: Column, deviations: Float64Array) =>
      (rows: Rows, ids: Values): Choose => {
        const words = rowWords({ context, seed, stepHash }, rows, ids);
        const most = longestRow(rows);
        const [random, keys] = [int32s(4 * most), float64s(most)];
        const variances = scoreValues(variance);
        return (means, count, start, row) => {
          for (let i = 0; i < count; i++) {
            const value = variance.validity?.[start + i] === 0 ? Number.NaN : variances[start + i]!;
            refuseOdd(means[i]!, value, { name: varianceName, ids, names, start, place: i, row });
            deviations[i] = scale * Math.sqrt(value);
          }
          words(random, 2 * count, start, start + count, row);
          for (let i = 0; i < count; i++) keys[i] = means[i]! + deviations[i]! * normal(random, i);
          return keepLargest(keys, count, topk);
        };
      };
    return {
      run: (inputs, context) => {
        const variance = inputs.variance[0];
        const { rows } = inputs.input[0];
        if (variance.rows !== rows)
          throw invalid(
            `column \`${varianceName}\` has ${variance.rows.count} rows and \`${names.ids}\` ${rows.count}.`,
          );
        // Those of the user whose candidates were chosen last.
        const deviations = float64s(rows.parent ? longestRow(rows) : 0);
        const first: Propensities = (means, count, chosen, out) => {
          if (chosen.length === 0) return 0;
          const log = firstChance({ means, deviations, count }, chosen[0]!);
          out[0] = Math.exp(log);
          return log;
        };
        return orderCandidates(
          inputs,
          names,
          prepareDraw(context, variance, deviations),
          propensity ? first : undefined,
        );
      },
    };
  },
};

/** A standard normal number of the words of two counters (Box and Muller, 1958). */
function normal(words: Int32Array, i: number): number {
  const radius = Math.sqrt(-2 * Math.log(uniform(words[4 * i]!, words[4 * i + 1]!)));
  return radius * Math.cos(2 * Math.PI * uniform(words[4 * i + 2]!, words[4 * i + 3]!));
}

interface Place {
  readonly name: string;
  readonly ids: Values;
  readonly names: Names;
  readonly start: number;
  readonly place: number;
  readonly row: number;
}

function refuseOdd(mean: number, variance: number, { name, ids, names, start, place, row }: Place): void {
  const isOdd = !(variance >= 0 && variance < Number.POSITIVE_INFINITY);
  if (!isOdd && Number.isFinite(mean)) return;
  const [column, value, expected] = isOdd
    ? [name, variance, "a variance is a number from 0"]
    : [names.scores, mean, "a mean is a finite number"];
  throw invalid(
    `column \`${column}\` holds ${value} for candidate ${place} (\`${names.ids}\` ${ids[start + place]}) of row ${row}: ${expected}. Look at the model's outputs for it.`,
  );
}
