/**
 * Candidates, scores and embeddings -> `topk` of each user that are good and unlike each other. O(topk · candidates · dimension) for both ways.
 */
import { RuntimeFault } from "../errors.js";
import type { Kernel } from "../plan/kernel.js";
import type { Column, Values } from "../plan/table.js";
import { dpp } from "./dpp.js";
import { mmr } from "./mmr.js";
import { type Names, orderCandidates, orderingNames } from "./order-candidates.js";

/** One user's candidates: relevance in 0 … 1, and unit vectors (or zeros). */
export interface Pool {
  readonly count: number;
  readonly relevance: Float64Array;
  /** Cosine of two candidates' embeddings. */
  cosine(i: number, j: number): number;
}

export const diversify: Kernel<"diversify"> = {
  prepare: step => {
    const { topk, method, balance } = step.params;
    const names = orderingNames(step);
    const vectorName = step.inputs.embedding![0]!.name;
    const take = method === "mmr" ? mmr : dpp;
    return {
      run: inputs => {
        const embedding = inputs.embedding![0]!;
        if (embedding.rows !== inputs.input![0]!.rows)
          throw new RuntimeFault(
            "INVALID_ARGUMENT",
            `column \`${vectorName}\` has ${embedding.rows.count} rows and \`${names.ids}\` ${inputs.input![0]!.rows.count}.`,
          );
        return orderCandidates(inputs, names, (_, ids) => {
          const unit = unitVectors(embedding, ids, vectorName);
          return (scores, count, start) => {
            const pool = poolOf(scores.slice(0, count), unit, embedding.width ?? 1, start, names);
            return take(pool, Math.min(topk, count), balance);
          };
        });
      },
    };
  },
};

function unitVectors(embedding: Column, ids: Values, name: string): Float64Array {
  const width = embedding.width ?? 1;
  const unit = Float64Array.from(embedding.values as Float32Array);
  for (let i = 0; i < ids.length; i++) {
    let square = 0;
    for (let d = i * width; d < (i + 1) * width; d++) square += unit[d]! ** 2;
    if (!Number.isFinite(square) || embedding.validity?.subarray(i * width, (i + 1) * width).includes(0))
      throw new RuntimeFault(
        "INVALID_ARGUMENT",
        `column \`${name}\` has no finite vector for candidate ${ids[i]}. Look at the embedding that its store or model gives.`,
      );
    const length = Math.sqrt(square);
    if (length > 0) for (let d = i * width; d < (i + 1) * width; d++) unit[d]! /= length;
  }
  return unit;
}

/** @param relevance is scaled in place */
function poolOf(relevance: Float64Array, unit: Float64Array, width: number, start: number, names: Names): Pool {
  const low = relevance.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = relevance.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  if (relevance.length > 0 && !(Number.isFinite(low) && Number.isFinite(high)))
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `column \`${names.scores}\` holds an infinite score, which can't be weighed against likeness. Clip scores before.`,
    );
  for (let i = 0; i < relevance.length; i++) relevance[i] = high > low ? (relevance[i]! - low) / (high - low) : 0;
  return {
    count: relevance.length,
    relevance,
    cosine: (i, j) => {
      let dot = 0;
      const a = (start + i) * width;
      const b = (start + j) * width;
      for (let d = 0; d < width; d++) dot += unit[a + d]! * unit[b + d]!;
      return dot;
    },
  };
}
