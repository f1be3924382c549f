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

/** Beyond it, clusters are put into as many random groups, which are drawn in their place. */
const MOST_CLUSTERS = 20_000;

/** Sums of one part: of each cluster, or of each entry if those are fewer. */
interface ClusterSums {
  readonly clusters: Int32Array;
  readonly numerator: Float64Array;
  /** Absent for a mean over units. */
  readonly denominator: Float64Array | undefined;
  /** Number of entries; absent for one. */
  readonly entries: Float64Array | undefined;
}

/**
 * Many clusters are drawn by groups, so that the cost of a draw is bounded. Sums of random groups of independent clusters are independent
 * too, so the intervals remain valid.
 * @param estimates terms over the same units @param clusterOf cluster of each unit, from 0 without gaps [units]
 * @returns values of each estimate in each draw [estimates][samples]; NaN where a denominator is 0
 */
export function bootstrap(
  estimates: readonly Terms[],
  clusterOf: Int32Array,
  { samples, seed }: Resampling,
): readonly Float64Array[] {
  const drawn = grouped(clusterOf, seed);
  const units = new Float64Array(drawn.count);
  for (const cluster of drawn.of) units[cluster]!++;
  const sums = estimates.map(terms => terms.map(part => sumsOf(part, drawn)));
  const values = estimates.map(() => new Float64Array(samples));
  const counts = new Int32Array(drawn.count);
  const words = new Int32Array(drawn.count + 1);
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

interface Clusters {
  readonly count: number;
  /** Cluster of each unit. */
  readonly of: Int32Array;
}

function grouped(clusterOf: Int32Array, seed: number): Clusters {
  const count = clusterOf.reduce((most, cluster) => Math.max(most, cluster), -1) + 1;
  if (count <= MOST_CLUSTERS) return { count, of: clusterOf };
  const words = new Int32Array(2 * count);
  philoxRun(words, count, 0, 1, seed | 0, Math.floor(seed / 2 ** 32) | 0);
  return { count: MOST_CLUSTERS, of: clusterOf.map(cluster => placeOf(words[2 * cluster]!, MOST_CLUSTERS)) };
}

/** A random word → a place from 0 to count − 1. */
const placeOf = (word: number, count: number): number => Math.floor(((word >>> 0) / 2 ** 32) * count);

/** How often each cluster is drawn in draw `b`. @param words memory for two words more than half of the clusters' pairs */
function drawCounts(counts: Int32Array, words: Int32Array, b: number, seed: number): void {
  const clusters = counts.length;
  counts.fill(0);
  philoxRun(words, (clusters + 1) >> 1, b, 0, seed | 0, Math.floor(seed / 2 ** 32) | 0);
  for (let i = 0; i < clusters; i++) counts[placeOf(words[i]!, clusters)]!++;
}

function valueOfDraw({ clusters, numerator, denominator, entries }: ClusterSums, counts: Int32Array, total: number) {
  let [above, below, drawn] = [0, 0, 0];
  for (let i = 0; i < clusters.length; i++) {
    const count = counts[clusters[i]!]!;
    if (count === 0) continue;
    above += count * numerator[i]!;
    if (!denominator) continue;
    below += count * denominator[i]!;
    drawn += entries ? count * entries[i]! : count;
  }
  if (!denominator) return above / total;
  return drawn === 0 ? 0 : (drawn / total) * (above / below);
}

function sumsOf({ units, numerator, denominator }: Terms[number], { count, of }: Clusters): ClusterSums {
  const clusters = units ? units.map(unit => of[unit]!) : of;
  if (numerator.length <= count) return { clusters, numerator, denominator, entries: undefined };
  const sums = {
    clusters: Int32Array.from({ length: count }, (_, cluster) => cluster),
    numerator: new Float64Array(count),
    denominator: denominator && new Float64Array(count),
    entries: new Float64Array(count),
  };
  for (let i = 0; i < numerator.length; i++) {
    const cluster = clusters[i]!;
    sums.numerator[cluster]! += numerator[i]!;
    if (denominator) sums.denominator![cluster]! += denominator[i]!;
    sums.entries[cluster]!++;
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
