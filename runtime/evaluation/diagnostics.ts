/** Whether importance weights support an estimate: effective sample sizes, means, and the largest weights. */
import { type LoggedLists, rowsByPosition, type SlateWeights, slateWeights } from "./slate.js";
import { sum } from "./terms.js";

export interface PositionWeights {
  /** From 1. */
  readonly position: number;
  /** Lists that have this position. */
  readonly lists: number;
  /** Kish's effective sample size, (Σ w)² / Σ w². */
  readonly effectiveSampleSize: number;
  /** 1 on average, if the log has every item that the evaluation policy may show, with its probability. */
  readonly mean: number;
  readonly max: number;
  /** Share of the sum that the largest weight has. */
  readonly largestShare: number;
  /** Share of weights above the clipping bound; absent without one. */
  readonly clipped?: number;
}

/** (Σ w)² / Σ w²: how many equally weighted rows would vary as much (Kish, "Survey Sampling", 1965). 0 if all weights are 0. */
export function effectiveSampleSize(weights: Float64Array): number {
  const squares = sum(weights.map(w => w * w));
  return squares === 0 ? 0 : sum(weights) ** 2 / squares;
}

/** @returns the weights of each position; for weights of whole lists, those of the first one alone */
export function weightsByPosition(log: LoggedLists, kind: SlateWeights): readonly Float64Array[] {
  const weights = slateWeights(log, kind);
  const positions = rowsByPosition(log.starts).map(({ rows }) => Float64Array.from(rows, row => weights[row]!));
  return kind === "list" ? positions.slice(0, 1) : positions;
}

export function describeWeights(weights: Float64Array, position: number, clip?: number): PositionWeights {
  let [max, above] = [0, 0];
  for (const weight of weights) {
    max = Math.max(max, weight);
    if (clip !== undefined && weight > clip) above++;
  }
  const total = sum(weights);
  return {
    position,
    lists: weights.length,
    effectiveSampleSize: effectiveSampleSize(weights),
    mean: total / weights.length,
    max,
    largestShare: total === 0 ? 0 : max / total,
    ...(clip !== undefined && { clipped: above / weights.length }),
  };
}

/** The position with the smallest effective sample size, among those that at least half of the lists have. */
export function weakest(positions: readonly PositionWeights[]): PositionWeights {
  const reached = positions.filter(({ lists }) => 2 * lists >= positions[0]!.lists);
  return reached.reduce((a, b) => (b.effectiveSampleSize < a.effectiveSampleSize ? b : a));
}

export interface SegmentWeights {
  readonly segment: string;
  readonly lists: number;
  readonly effectiveSampleSize: number;
  readonly mean: number;
}

/** @param weights one of each list @param of segment of each list, −1 for none */
export function segmentWeights(
  weights: Float64Array,
  of: Int32Array,
  segments: readonly string[],
): readonly SegmentWeights[] {
  return segments.map((segment, s) => {
    const own = weights.filter((_, list) => of[list] === s);
    return { segment, lists: own.length, effectiveSampleSize: effectiveSampleSize(own), mean: sum(own) / own.length };
  });
}
