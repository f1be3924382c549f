/** Scores of candidates -> Σ weight · scaled score, float32; each scale is taken among one user's candidates. */
import { RuntimeFault } from "../errors.js";
import type { Kernel } from "../plan/kernel.js";
import type { Column } from "../plan/table.js";
import { keepLargest } from "./keep-largest.js";

/** Writes the scaled scores of `start … end - 1` into `out`. */
type Scale = (scores: Float64Array, start: number, end: number, out: Float64Array) => void;

export const mixScores: Kernel<"mixScores"> = {
  prepare: step => {
    const { weights, scale } = step.params;
    const names = step.inputs.input!.map(ref => ref.name);
    const weightOf = names.map(name => weights[name]!);
    return {
      run: inputs => {
        const { rows } = inputs.input![0]!;
        const sum = new Float64Array(rows.count);
        const scaled = new Float64Array(rows.count);
        const offsets = rows.offsets ?? Int32Array.of(0, rows.count);
        inputs.input!.forEach((col, c) => {
          const scores = present(col, names[c]!);
          if (scale === "minMax" || scale === "standard") refuseInfinite(scores, names[c]!, scale);
          for (let row = 0; row + 1 < offsets.length; row++)
            SCALES[scale](scores, offsets[row]!, offsets[row + 1]!, scaled);
          for (let i = 0; i < sum.length; i++) sum[i]! += weightOf[c]! * scaled[i]!;
        });
        const lost = sum.findIndex(Number.isNaN);
        if (lost >= 0)
          throw new RuntimeFault(
            "INVALID_ARGUMENT",
            `scores of candidate ${lost} are infinite, and their weighted sum (${names.join(", ")}) is no number. Clip scores before.`,
          );
        return [{ dtype: "float32", rows, values: Float32Array.from(sum) }];
      },
    };
  },
};

function present(col: Column, name: string): Float64Array {
  const scores = Float64Array.from(col.values as Float32Array);
  const missing = scores.findIndex((score, i) => Number.isNaN(score) || col.validity?.[i] === 0);
  if (missing >= 0)
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `column \`${name}\` has no score for candidate ${missing}. Give missing scores a value first, with \`fillMissing\`.`,
    );
  return scores;
}

/** Every other score would stand at one place beside it, and the infinite one at none. */
function refuseInfinite(scores: Float64Array, name: string, scale: string): void {
  const at = scores.findIndex(score => !Number.isFinite(score));
  if (at >= 0)
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `column \`${name}\` holds ${scores[at]} for candidate ${at}, which has no place on the scale \`${scale}\`. Clip scores before, or use \`scale: "rank"\`.`,
    );
}

const SCALES: Readonly<Record<"none" | "minMax" | "standard" | "rank", Scale>> = {
  none: (scores, start, end, out) => {
    for (let i = start; i < end; i++) out[i] = scores[i]!;
  },
  minMax: (scores, start, end, out) => {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let i = start; i < end; i++) {
      low = Math.min(low, scores[i]!);
      high = Math.max(high, scores[i]!);
    }
    for (let i = start; i < end; i++) out[i] = high > low ? (scores[i]! - low) / (high - low) : 0;
  },
  standard: (scores, start, end, out) => {
    const n = end - start;
    let mean = 0;
    for (let i = start; i < end; i++) mean += scores[i]! / n;
    let variance = 0;
    for (let i = start; i < end; i++) variance += (scores[i]! - mean) ** 2 / n;
    const deviation = Math.sqrt(variance);
    for (let i = start; i < end; i++) out[i] = deviation > 0 ? (scores[i]! - mean) / deviation : 0;
  },
  rank: (scores, start, end, out) => {
    const order = keepLargest(scores, start, end, end - start);
    let place = 0;
    order.forEach((i, at) => {
      if (at > 0 && scores[i] !== scores[order[at - 1]!]) place = at;
      out[i] = order.length > 1 ? 1 - place / (order.length - 1) : 1;
    });
  },
};
