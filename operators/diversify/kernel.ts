/**
 * Candidates, scores and embeddings → `topk` of each user that are good and unlike each other. O(topk · candidates · dimension) for both ways.
 */

import type { Column, Rows, Values } from "../../runtime/base/columns/table.js";
import { RuntimeFault } from "../../runtime/base/errors.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import {
  type Choose,
  longestRow,
  type Names,
  orderCandidates,
  orderingNames,
} from "../shared/kernel/order-candidates.js";
import { scoreValues } from "../shared/kernel/score-values.js";
import { dpp } from "./kernel-dpp.js";
import { mmr } from "./kernel-mmr.js";
import type { Pool } from "./kernel-pool.js";

export const diversify: Kernel<"diversify"> = {
  prepare: step => {
    const { topk, method, balance } = step.params;
    const names = { ...orderingNames(step), vectors: step.inputs.embedding[0].name };
    const take = method === "mmr" ? mmr : dpp;
    return {
      run: inputs => {
        const embedding = inputs.embedding[0];
        if (embedding.rows !== inputs.input[0].rows)
          throw new RuntimeFault(
            "INVALID_ARGUMENT",
            `column \`${names.vectors}\` has ${embedding.rows.count} rows and \`${names.ids}\` ${inputs.input[0].rows.count}.`,
          );
        return orderCandidates(inputs, names, (rows, ids): Choose => {
          const poolOf = pools(embedding, rows, ids, names);
          return (scores, count, start, row) => take(poolOf(scores, count, start, row), Math.min(topk, count), balance);
        });
      },
    };
  },
};

/** Makes the pool of one user after another, each in the memory of the one before. */
function pools(embedding: Column, rows: Rows, ids: Values, names: Names & { readonly vectors: string }) {
  const { width = 1, validity } = embedding;
  const vectors = scoreValues(embedding);
  const most = longestRow(rows);
  const unit = new Float64Array(most * width);
  const relevance = new Float64Array(most);
  return (scores: Float64Array, count: number, start: number, row: number): Pool => {
    unit.set(vectors.subarray(start * width, (start + count) * width));
    for (let i = 0; i < count; i++) {
      const at = start + i;
      if (normalise(unit, i * width, width) && !validity?.subarray(at * width, (at + 1) * width).includes(0)) continue;
      throw new RuntimeFault(
        "INVALID_ARGUMENT",
        `column \`${names.vectors}\` has no finite vector for candidate ${i} (\`${names.ids}\` ${ids[at]}) of row ${row}. Look at the embedding that its store or model gives.`,
      );
    }
    scaleRelevance(scores, relevance, count, start, row, ids, names);
    return { count, relevance, unit, width };
  };
}

/** To length 1; zeros stay. @returns whether it is finite */
function normalise(vectors: Float64Array, at: number, width: number): boolean {
  let square = 0;
  for (let d = at; d < at + width; d++) square += vectors[d]! ** 2;
  if (!Number.isFinite(square)) return false;
  const length = Math.sqrt(square);
  if (length > 0) for (let d = at; d < at + width; d++) vectors[d]! /= length;
  return true;
}

/** To 0 … 1 among one user's candidates; equal scores to 0. */
function scaleRelevance(
  scores: Float64Array,
  relevance: Float64Array,
  count: number,
  start: number,
  row: number,
  ids: Values,
  names: Names,
): void {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < count; i++) {
    if (!Number.isFinite(scores[i]))
      throw new RuntimeFault(
        "INVALID_ARGUMENT",
        `column \`${names.scores}\` holds ${scores[i]} for candidate ${i} (\`${names.ids}\` ${ids[start + i]}) of row ${row}, which can't be weighed against likeness. Clip scores before.`,
      );
    low = Math.min(low, scores[i]!);
    high = Math.max(high, scores[i]!);
  }
  for (let i = 0; i < count; i++) relevance[i] = high > low ? (scores[i]! - low) / (high - low) : 0;
}
