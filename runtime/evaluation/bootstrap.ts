/**
 * Percentile intervals by the bootstrap (Efron 1979): clusters are drawn with replacement, and every estimate is computed again. All
 * estimates see the same draws, so their differences and ratios are paired. Rows of a request are one cluster and stay together.
 */
import { philoxRun } from "../../operators/shared/kernel/philox.js";
import type { Terms } from "./terms.js";

export interface Resampling {
  /** Number of draws. */
  readonly samples: number;
  readonly seed: number;
}

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Sums of one part, for the clusters that have entries of it. */
interface ClusterSums {
  readonly clusters: Int32Array;
  readonly numerator: Float64Array;
  /** Absent for a mean over units. */
  readonly denominator: Float64Array | undefined;
  readonly entries: Float64Array;
}

/**
 * @param estimates terms over the same units @param clusterOf cluster of each unit, ascending from 0 without gaps [units]
 * @returns values of each estimate in each draw [estimates][samples]; NaN where a denominator is 0
 */
export function bootstrap(
  estimates: readonly Terms[],
  clusterOf: Int32Array,
  { samples, seed }: Resampling,
): readonly Float64Array[] {
  const clusters = (clusterOf.at(-1) ?? -1) + 1;
  const units = new Float64Array(clusters);
  for (const cluster of clusterOf) units[cluster]!++;
  const sums = estimates.map(terms => terms.map(part => sumsOf(part, clusterOf)));
  const values = estimates.map(() => new Float64Array(samples));
  const counts = new Int32Array(clusters);
  const words = new Int32Array(clusters + 1);
  for (let b = 0; b < samples; b++) {
    drawCounts(counts, words, b, seed);
    const total = dot(counts, units);
    for (const [e, parts] of sums.entries()) {
      let value = 0;
      for (const part of parts) value += valueOfDraw(part, counts, total);
      values[e]![b] = value;
    }
  }
  return values;
}

/** How often each cluster is drawn in draw `b`. @param words memory for two words more than half of the clusters' pairs */
function drawCounts(counts: Int32Array, words: Int32Array, b: number, seed: number): void {
  const clusters = counts.length;
  counts.fill(0);
  philoxRun(words, (clusters + 1) >> 1, b, 0, seed | 0, Math.floor(seed / 2 ** 32) | 0);
  for (let i = 0; i < clusters; i++) counts[Math.floor(((words[i]! >>> 0) / 2 ** 32) * clusters)]!++;
}

function valueOfDraw({ clusters, numerator, denominator, entries }: ClusterSums, counts: Int32Array, total: number) {
  let [above, below, drawn] = [0, 0, 0];
  for (let i = 0; i < clusters.length; i++) {
    const count = counts[clusters[i]!]!;
    if (count === 0) continue;
    above += count * numerator[i]!;
    if (!denominator) continue;
    below += count * denominator[i]!;
    drawn += count * entries[i]!;
  }
  if (!denominator) return above / total;
  return drawn === 0 ? 0 : (drawn / total) * (above / below);
}

/** @param clusterOf ascending, and so are units: entries of a cluster follow each other */
function sumsOf({ units, numerator, denominator }: Terms[number], clusterOf: Int32Array): ClusterSums {
  const clusterAt = (i: number): number => clusterOf[units ? units[i]! : i]!;
  let count = 0;
  for (let i = 0; i < numerator.length; i++) if (i === 0 || clusterAt(i) !== clusterAt(i - 1)) count++;
  const sums = {
    clusters: new Int32Array(count),
    numerator: new Float64Array(count),
    denominator: denominator && new Float64Array(count),
    entries: new Float64Array(count),
  };
  for (let i = 0, at = -1; i < numerator.length; i++) {
    if (i === 0 || clusterAt(i) !== clusterAt(i - 1)) sums.clusters[++at] = clusterAt(i);
    sums.numerator[at]! += numerator[i]!;
    if (denominator) sums.denominator![at]! += denominator[i]!;
    sums.entries[at]!++;
  }
  return sums;
}

function dot(counts: Int32Array, values: Float64Array): number {
  let total = 0;
  for (let i = 0; i < counts.length; i++) total += counts[i]! * values[i]!;
  return total;
}

/**
 * The interval that leaves (1 − level) / 2 of the finite values on each side, with linear interpolation.
 * @returns undefined if fewer than half of the values are finite
 */
export function percentileInterval(values: Float64Array, level: number): Interval | undefined {
  const sorted = values.filter(Number.isFinite).sort();
  if (sorted.length === 0 || sorted.length < values.length / 2) return undefined;
  const at = (share: number): number => {
    const place = share * (sorted.length - 1);
    const below = Math.floor(place);
    const above = Math.min(below + 1, sorted.length - 1);
    return sorted[below]! + (place - below) * (sorted[above]! - sorted[below]!);
  };
  return { low: at((1 - level) / 2), high: at((1 + level) / 2) };
}
