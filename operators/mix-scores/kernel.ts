/** Scores of candidates → Σ weight · scaled score, float32; each scale is taken among one user's candidates. */

import { float32s, float64s } from "../../runtime/base/columns/short-arrays.js";
import { type Column, childRows, type Rows } from "../../runtime/base/columns/table.js";
import { invalid } from "../../runtime/base/errors.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { keepLargest } from "../shared/kernel/keep-largest.js";
import { longestRow } from "../shared/kernel/order-candidates.js";
import { scoreValues } from "../shared/kernel/score-values.js";

/** Writes the scaled scores of places 0 … count − 1 into `out`. */
type Scale = (scores: Float64Array, count: number, out: Float64Array) => void;

export const mixScores: Kernel<"mixScores"> = {
  prepare: step => {
    const { weights, scale } = step.params;
    const names = step.inputs.input.map(ref => ref.name);
    const weightOf = names.map(name => weights[name]!);
    const needsFinite = scale === "minMax" || scale === "standard";
    return {
      run: inputs => {
        const columns = inputs.input;
        const { rows } = columns[0];
        const { parent, offsets } = rows.parent ? rows : oneUser(rows);
        const numbers = columns.map(scoreValues);
        const most = longestRow({ count: rows.count, parent: parent!, offsets: offsets! });
        const [scores, scaled, sum] = [float64s(most), float64s(most), float64s(most)];
        const mixed = float32s(rows.count);
        for (let row = 0; row < parent!.count; row++) {
          const [start, end] = [offsets![row]!, offsets![row + 1]!];
          const count = end - start;
          sum.fill(0, 0, count);
          for (let c = 0; c < columns.length; c++) {
            scores.set(numbers[c]!.subarray(start, end));
            checkScores(scores, columns[c]!, { name: names[c]!, start, count, row }, needsFinite && scale);
            SCALES[scale](scores, count, scaled);
            const weight = weightOf[c]!;
            for (let i = 0; i < count; i++) sum[i]! += weight * scaled[i]!;
          }
          for (let i = 0; i < count; i++) {
            mixed[start + i] = sum[i]!;
            if (Number.isNaN(sum[i]))
              throw invalid(
                `scores of candidate ${i} of row ${row} are infinite, and their weighted sum (${names.join(", ")}) is no number. Clip scores before.`,
              );
          }
        }
        return [{ dtype: "float32", rows, values: mixed }];
      },
    };
  },
};

/** Rows that belong to no user are one user's. */
const oneUser = (rows: Rows): Rows => childRows({ count: 1 }, Int32Array.of(0, rows.count));

/** @param scale one on which an infinite score is undefined: every other would have the same position, and the infinite one none */
function checkScores(
  scores: Float64Array,
  { validity }: Column,
  {
    name,
    start,
    count,
    row,
  }: { readonly name: string; readonly start: number; readonly count: number; readonly row: number },
  scale: string | false,
): void {
  for (let i = 0; i < count; i++) {
    if (Number.isNaN(scores[i]) || validity?.[start + i] === 0)
      throw invalid(
        `column \`${name}\` has no score for candidate ${i} of row ${row}. Look at the inputs of the model that made it, or give missing scores a value first, with \`fillMissing\`.`,
      );
    if (scale && !Number.isFinite(scores[i]))
      throw invalid(
        `column \`${name}\` holds ${scores[i]} for candidate ${i} of row ${row}, which has no place on the scale \`${scale}\`. Clip scores before, or use \`scale: "rank"\`.`,
      );
  }
}

const SCALES: Readonly<Record<"none" | "minMax" | "standard" | "rank", Scale>> = {
  none: (scores, count, out) => {
    for (let i = 0; i < count; i++) out[i] = scores[i]!;
  },
  minMax: (scores, count, out) => {
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < count; i++) {
      low = Math.min(low, scores[i]!);
      high = Math.max(high, scores[i]!);
    }
    for (let i = 0; i < count; i++) out[i] = high > low ? (scores[i]! - low) / (high - low) : 0;
  },
  standard: (scores, count, out) => {
    let mean = 0;
    for (let i = 0; i < count; i++) mean += scores[i]! / count;
    let variance = 0;
    for (let i = 0; i < count; i++) variance += (scores[i]! - mean) ** 2 / count;
    const deviation = Math.sqrt(variance);
    for (let i = 0; i < count; i++) out[i] = deviation > 0 ? (scores[i]! - mean) / deviation : 0;
  },
  rank: (scores, count, out) => {
    const order = keepLargest(scores, count, count);
    let place = 0;
    for (let at = 0; at < count; at++) {
      if (at > 0 && scores[order[at]!] !== scores[order[at - 1]!]) place = at;
      out[order[at]!] = count > 1 ? 1 - place / (count - 1) : 1;
    }
  },
};
