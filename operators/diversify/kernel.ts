/**
 * Candidates, scores and embeddings → `topk` of each user that are good and unlike each other. O(topk · candidates · dimension) for both ways.
 */

import type { Column, Rows, Values } from "../../runtime/base/columns/table.js";
import { invalid } from "../../runtime/base/errors.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import {
  type Choose,
  longestRow,
  type Names,
  orderCandidates,
  orderingNames,
} from "../shared/kernel/order-candidates.js";
import { scoreValues } from "../shared/kernel/score-values.js";

export const diversify: Kernel<"diversify"> = {
  prepare: step => {
    const { topk, method, balance } = step.params;
    const names = { ...orderingNames(step), vectors: step.inputs.embedding[0].name };
    const take = method === "mmr" ? mmr : dpp;
    return {
      run: inputs => {
        const embedding = inputs.embedding[0];
        if (embedding.rows !== inputs.input[0].rows)
          throw invalid(
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
      throw invalid(
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
      throw invalid(
        `column \`${names.scores}\` holds ${scores[i]} for candidate ${i} (\`${names.ids}\` ${ids[start + i]}) of row ${row}, which can't be weighed against likeness. Clip scores before.`,
      );
    low = Math.min(low, scores[i]!);
    high = Math.max(high, scores[i]!);
  }
  for (let i = 0; i < count; i++) relevance[i] = high > low ? (scores[i]! - low) / (high - low) : 0;
}

/** A candidate adds nothing if less than this share of its first gain is left: of more candidates than dimensions, rounding leaves some. */
const NEGLIGIBLE = 1e-10;
/** Keeps qualities finite as balance nears 1. */
const STEEPEST = 50;

/**
 * Greedy search for the most probable subset of a determinantal point process (Chen, Zhang and Zhou, "Fast Greedy MAP Inference for
 * Determinantal Point Process", 2018). Kernel L = diag(q) · S · diag(q), with quality q = exp(balance / (2 (1 − balance)) · relevance) and
 * S = (1 + cosine) / 2. Each round takes the candidate that multiplies det(L) the most, with an incremental Cholesky factor.
 * @returns positions in the pool, in the order they were taken; when the set is exhausted, the rest by relevance
 */
function dpp(pool: Pool, k: number, balance: number): Int32Array {
  const { count, relevance } = pool;
  const steepness = Math.min(STEEPEST, balance / (2 * (1 - balance)));
  const quality = new Float64Array(count);
  const gain = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    quality[i] = Math.exp(steepness * relevance[i]!);
    gain[i] = quality[i]! * quality[i]!;
  }
  // Column n of the factor, a number for each candidate, is made in round n.
  const factors: Float64Array[] = [];
  const cosine = new Float64Array(count);
  const isTaken = new Uint8Array(count);
  const taken = new Int32Array(k);
  for (let n = 0; n < k; n++) {
    let best = largest(gain, isTaken);
    if (gain[best] === 0) best = largest(relevance, isTaken);
    taken[n] = best;
    isTaken[best] = 1;
    if (gain[best] === 0 || n + 1 === k) continue;
    cosines(pool, best, cosine);
    const column = new Float64Array(count);
    for (const earlier of factors) {
      const own = earlier[best]!;
      for (let i = 0; i < count; i++) column[i]! += own * earlier[i]!;
    }
    const root = Math.sqrt(gain[best]!);
    for (let i = 0; i < count; i++) {
      const factor = (quality[best]! * quality[i]! * ((1 + cosine[i]!) / 2) - column[i]!) / root;
      column[i] = factor;
      const left = gain[i]! - factor * factor;
      gain[i] = left < NEGLIGIBLE * quality[i]! * quality[i]! ? 0 : left;
    }
    factors.push(column);
  }
  return taken;
}

/** The first of the largest that are not taken. */
function largest(values: Float64Array, isTaken: Uint8Array): number {
  let best = -1;
  for (let i = 0; i < isTaken.length; i++) if (!isTaken[i] && (best < 0 || values[i]! > values[best]!)) best = i;
  return best;
}

/**
 * Maximal marginal relevance (Carbonell and Goldstein, 1998): again and again the candidate with the largest
 * balance · relevance − (1 − balance) · max likeness to those taken.
 * @returns positions in the pool, in the order they were taken; the first of equals
 */
function mmr(pool: Pool, k: number, balance: number): Int32Array {
  const { count, relevance } = pool;
  const taken = new Int32Array(k);
  const likeness = new Float64Array(count);
  const nearest = new Float64Array(count).fill(Number.NEGATIVE_INFINITY);
  const isTaken = new Uint8Array(count);
  for (let n = 0; n < k; n++) {
    let best = -1;
    let bestValue = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < count; i++) {
      if (isTaken[i]) continue;
      const value = balance * relevance[i]! - (n === 0 ? 0 : (1 - balance) * nearest[i]!);
      if (value > bestValue) {
        best = i;
        bestValue = value;
      }
    }
    taken[n] = best;
    isTaken[best] = 1;
    if (n + 1 === k) break;
    cosines(pool, best, likeness);
    for (let i = 0; i < count; i++) if (likeness[i]! > nearest[i]!) nearest[i] = likeness[i]!;
  }
  return taken;
}

/**
 * Unit vectors of one user's candidates → the cosine of each with one of them. Four at a time: a sum that waits for itself leaves the processor idle.
 * @param to gets `count` numbers, each the sum of products in the order of dimensions
 */
function cosines({ unit, width, count }: Pool, with_: number, to: Float64Array): void {
  const own = with_ * width;
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const at = i * width;
    let a = 0;
    let b = 0;
    let c = 0;
    let e = 0;
    for (let d = 0; d < width; d++) {
      const x = unit[own + d]!;
      a += x * unit[at + d]!;
      b += x * unit[at + width + d]!;
      c += x * unit[at + 2 * width + d]!;
      e += x * unit[at + 3 * width + d]!;
    }
    to[i] = a;
    to[i + 1] = b;
    to[i + 2] = c;
    to[i + 3] = e;
  }
  for (; i < count; i++) {
    let sum = 0;
    for (let d = 0; d < width; d++) sum += unit[own + d]! * unit[i * width + d]!;
    to[i] = sum;
  }
}

/** One user's candidates: relevance in 0 … 1, and unit vectors (or zeros). */
interface Pool {
  readonly count: number;
  readonly relevance: Float64Array;
  /** Row i is candidate i's vector, of `width` numbers. */
  readonly unit: Float64Array;
  readonly width: number;
}
