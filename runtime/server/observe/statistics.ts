/**
 * The work of one model version: executions and answered requests → the counters behind ModelStatistics and the metrics.
 */

import type { InferBatchStatistics, ModelStatistics } from "../../../triton-protos/gen/messages.js";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { createSamples, type LatencySamples } from "./latency-samples.js";

export interface Tally {
  count: number;
  ns: number;
}

/** Reasons of `nv_inference_request_failure`. */
export const FAILURE_REASONS = ["REJECTED", "CANCELED", "BACKEND", "OTHER"] as const;
export type FailureReason = (typeof FAILURE_REASONS)[number];

/** Nanoseconds of the parts of one execution. */
export interface ExecutionTimes {
  readonly input: number;
  readonly infer: number;
  readonly output: number;
}

export interface VersionStatistics {
  lastInference: number;
  inferenceCount: number;
  executionCount: number;
  /** Requests in the queue. */
  pending: number;
  readonly success: Tally;
  readonly fail: Tally;
  readonly queue: Tally;
  readonly computeInput: Tally;
  readonly computeInfer: Tally;
  readonly computeOutput: Tally;
  readonly cacheHit: Tally;
  readonly cacheMiss: Tally;
  readonly batches: Map<number, { readonly input: Tally; readonly infer: Tally; readonly output: Tally }>;
  readonly failures: Record<FailureReason, number>;
  /** Bytes of the inputs of answered requests. */
  inputBytes: number;
  /** Nanoseconds that the model computed for each of the last requests: an exponential mean. */
  recentNs: number;
  /** Made by the first answer. */
  samples?: LatencySamples;
  /** Milliseconds until the first answer, by bucket; the last is for all above. */
  readonly firstResponse: { readonly bounds: readonly number[]; readonly counts: number[]; sum: number };
}

/** The metrics that a model's `metric_control` may shape. */
export const FIRST_RESPONSE_FAMILY = "nv_inference_first_response_histogram_ms";
/** Upper bounds of the buckets of the first-response histogram, when the model names no others. */
export const FIRST_RESPONSE_MS: readonly number[] = [100, 500, 2000, 5000];

/** Those of a model: the last `metric_control` of the family counts. */
export const firstResponseBounds = ({ model_metrics }: Pick<ModelConfig, "model_metrics">): readonly number[] =>
  model_metrics?.metric_control.findLast(({ metric_identifier }) => metric_identifier?.family === FIRST_RESPONSE_FAMILY)
    ?.histogram_options?.buckets ?? FIRST_RESPONSE_MS;

const tally = (): Tally => ({ count: 0, ns: 0 });

export const noFailures = (): Record<FailureReason, number> => ({ REJECTED: 0, CANCELED: 0, BACKEND: 0, OTHER: 0 });

/** @param failures counters that outlive the version @param bounds of the first-response histogram */
export const createStatistics = (failures = noFailures(), bounds = FIRST_RESPONSE_MS): VersionStatistics => ({
  lastInference: 0,
  inferenceCount: 0,
  executionCount: 0,
  pending: 0,
  success: tally(),
  fail: tally(),
  queue: tally(),
  computeInput: tally(),
  computeInfer: tally(),
  computeOutput: tally(),
  cacheHit: tally(),
  cacheMiss: tally(),
  batches: new Map(),
  failures,
  inputBytes: 0,
  recentNs: 0,
  firstResponse: { bounds, counts: new Array<number>(bounds.length + 1).fill(0), sum: 0 },
});

/** Durations are counted as at least one nanosecond, so that "happened" and "did not" differ. */
const add = (to: Tally, ns: number): void => {
  to.count++;
  to.ns += Math.max(1, Math.round(ns));
};

/** One execution of a batch. */
export function recordExecution(stats: VersionStatistics, batch: number, times: ExecutionTimes): void {
  stats.executionCount++;
  let row = stats.batches.get(batch);
  if (!row) {
    row = { input: tally(), infer: tally(), output: tally() };
    stats.batches.set(batch, row);
  }
  add(row.input, times.input);
  add(row.infer, times.infer);
  add(row.output, times.output);
}

/** Weight of the last request in `recentNs`. */
const RECENT = 1 / 8;

/** One answered request of `batch` rows. */
export function recordSuccess(
  stats: VersionStatistics,
  batch: number,
  queue: number,
  times: ExecutionTimes,
  total: number,
): void {
  stats.inferenceCount += batch;
  stats.lastInference = Date.now();
  add(stats.success, total);
  add(stats.queue, queue);
  add(stats.computeInput, times.input);
  add(stats.computeInfer, times.infer);
  add(stats.computeOutput, times.output);
  stats.recentNs += (times.infer - stats.recentNs) * RECENT;
  stats.samples ??= createSamples();
  stats.samples.addAnswer(total, queue, times.input, times.infer, times.output);
}

/** The first answer to a request, from the model or from the cache. Whole milliseconds, as Triton observes them. */
export function recordFirstResponse(stats: VersionStatistics, ns: number): void {
  const { bounds, counts } = stats.firstResponse;
  const milliseconds = Math.floor(ns / 1e6);
  let bucket = 0;
  while (bucket < bounds.length && milliseconds > bounds[bucket]!) bucket++;
  counts[bucket]!++;
  stats.firstResponse.sum += milliseconds;
}

/** One request that was answered from the response cache: no inference, no execution. */
export function recordCacheHit(stats: VersionStatistics, lookup: number, total: number): void {
  stats.lastInference = Date.now();
  add(stats.success, total);
  add(stats.queue, 1);
  add(stats.cacheHit, lookup);
  stats.samples ??= createSamples();
  stats.samples.add({ request: total, queue: 1, cache_hit: lookup });
}

/** The response cache's cost for a request that it did not hold. */
export function recordCacheMiss(stats: VersionStatistics, ns: number): void {
  add(stats.cacheMiss, ns);
  stats.samples ??= createSamples();
  stats.samples.add({ cache_miss: ns });
}

/** One accepted request that failed. */
export function recordFailure(stats: VersionStatistics, reason: FailureReason, total: number): void {
  stats.failures[reason]++;
  add(stats.fail, total);
}

/** The message of the statistics calls. */
export function printStatistics(name: string, version: string, stats: VersionStatistics): ModelStatistics {
  const batches: InferBatchStatistics[] = [...stats.batches]
    .sort(([a], [b]) => a - b)
    .map(([batch_size, row]) => ({
      batch_size,
      compute_input: { ...row.input },
      compute_infer: { ...row.infer },
      compute_output: { ...row.output },
    }));
  return {
    name,
    version,
    last_inference: stats.lastInference,
    inference_count: stats.inferenceCount,
    execution_count: stats.executionCount,
    inference_stats: {
      success: { ...stats.success },
      fail: { ...stats.fail },
      queue: { ...stats.queue },
      compute_input: { ...stats.computeInput },
      compute_infer: { ...stats.computeInfer },
      compute_output: { ...stats.computeOutput },
      cache_hit: { ...stats.cacheHit },
      cache_miss: { ...stats.cacheMiss },
    },
    response_stats: {},
    batch_stats: batches,
    memory_usage: [],
  };
}
