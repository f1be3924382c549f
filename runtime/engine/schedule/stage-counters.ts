/** Counters of a loaded plan's stages: runs, time, rows; behind the metrics and the statistics over HTTP. */
import type { AnyStep } from "../../../contract/plan.js";
import type { ArmCounters, JoinCounters, PartCounters, ShadowCounters } from "./kernel.js";

/** Upper bounds of the duration buckets, in seconds; the last bucket is for all above. */
export const STAGE_SECONDS: readonly number[] = [0.00025, 0.001, 0.0025, 0.01, 0.025, 0.1, 0.25, 1];

export interface StageCounters {
  readonly stage: string;
  readonly op: AnyStep["op"];
  /** Runs that ended well. */
  runs: number;
  failures: number;
  /** Waiting included. */
  seconds: number;
  /** Runs by duration. */
  readonly buckets: number[];
  rowsIn: number;
  rowsOut: number;
  /** Times a fallback took its other side. */
  fallbacks: number;
  /** Rows that a cached stage found, and those it had to compute. */
  cacheHits: number;
  cacheMisses: number;
  /** A merge's sources, in order. */
  parts?: readonly GatheredPart[];
  /** The rows that its joins looked up. */
  joins?: readonly JoinCounters[];
  /** Phrases for the lacks of every run of the last minute; see `empty-stages.ts`. */
  empty?: readonly string[];
  /** A split's arms, in order. */
  arms?: readonly ArmCounters[];
  /** The counters of a branch that runs beside responses. */
  shadow?: ShadowCounters;
}

export interface GatheredPart extends PartCounters {
  /** Runs that left it out, because it failed or was late. */
  leftOut: number;
}

export const createCounters = ({ label, op }: AnyStep): StageCounters => ({
  stage: label,
  op,
  runs: 0,
  failures: 0,
  seconds: 0,
  buckets: new Array<number>(STAGE_SECONDS.length + 1).fill(0),
  rowsIn: 0,
  rowsOut: 0,
  fallbacks: 0,
  cacheHits: 0,
  cacheMisses: 0,
});

export function countRun(counters: StageCounters, seconds: number, rowsIn: number, rowsOut: number): void {
  counters.runs++;
  counters.seconds += seconds;
  counters.rowsIn += rowsIn;
  counters.rowsOut += rowsOut;
  let bucket = 0;
  while (bucket < STAGE_SECONDS.length && seconds > STAGE_SECONDS[bucket]!) bucket++;
  counters.buckets[bucket]!++;
}
