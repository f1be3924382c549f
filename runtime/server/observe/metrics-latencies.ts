/**
 * The latency summaries and the first-response histogram of `--metrics-config`, as Prometheus text.
 */

import type { ReadyVersion } from "../models/ready-version.js";
import { LATENCIES, type Latency } from "./latency-samples.js";
import { labelsOf, printLabels } from "./metric-labels.js";
import { FIRST_RESPONSE_FAMILY, type Tally, type VersionStatistics } from "./statistics.js";

const HELP: Readonly<Record<Latency, string>> = {
  request: "Summary of inference request duration in microseconds (includes cached requests)",
  queue: "Summary of inference queuing duration in microseconds (includes cached requests)",
  compute_input: "Cumulative compute input duration in microseconds (does not include cached requests)",
  compute_infer: "Cumulative compute inference duration in microseconds (does not include cached requests)",
  compute_output: "Cumulative inference compute output duration in microseconds (does not include cached requests)",
  cache_hit: "Summary of cache hit duration in microseconds",
  cache_miss: "Summary of cache miss duration in microseconds",
};
const TALLY: Readonly<Record<Latency, (stats: VersionStatistics) => Tally>> = {
  request: stats => stats.success,
  queue: stats => stats.queue,
  compute_input: stats => stats.computeInput,
  compute_infer: stats => stats.computeInfer,
  compute_output: stats => stats.computeOutput,
  cache_hit: stats => stats.cacheHit,
  cache_miss: stats => stats.cacheMiss,
};
/** The request summary would mix hits and misses of a model with a cache: it has summaries of these instead. */
const isShown = (latency: Latency, { config }: ReadyVersion): boolean => {
  const cached = config.response_cache?.enable === true;
  return latency.startsWith("cache") ? cached : latency !== "request" || !cached;
};
const USUAL_QUANTILES: readonly number[] = [0.5, 0.9, 0.95, 0.99, 0.999];

/** `0.5:0.05,0.9:0.01` → the quantiles; the errors they may have are met by all. */
export const readQuantiles = (text: string | undefined): readonly number[] =>
  text === undefined ? USUAL_QUANTILES : text.split(",").map(pair => Number(pair.split(":")[0]));

/** A label after the model's own. */
const labelled = (labels: string, name: string, value: string): string => `${labels.slice(0, -1)},${name}="${value}"}`;

export function printSummaries(ready: readonly ReadyVersion[], quantiles: readonly number[], lines: string[]): void {
  if (ready.length === 0) return;
  for (const latency of LATENCIES) {
    const versions = ready.filter(version => isShown(latency, version));
    if (versions.length === 0) continue;
    const name = latency.startsWith("cache") ? `nv_${latency}_summary_per_model` : `nv_inference_${latency}_summary_us`;
    lines.push(`# HELP ${name} ${HELP[latency]}`, `# TYPE ${name} summary`);
    for (const version of versions) {
      const labels = printLabels(labelsOf(version));
      const { count, ns } = TALLY[latency](version.statistics);
      lines.push(`${name}_count${labels} ${count}`, `${name}_sum${labels} ${ns / 1000}`);
      for (const quantile of quantiles) {
        const value = version.statistics.samples?.quantile(latency, quantile) ?? Number.NaN;
        lines.push(`${name}${labelled(labels, "quantile", String(quantile))} ${Number.isNaN(value) ? "Nan" : value}`);
      }
    }
  }
}

export function printHistograms(ready: readonly ReadyVersion[], lines: string[]): void {
  if (ready.length === 0) return;
  const name = FIRST_RESPONSE_FAMILY;
  lines.push(`# HELP ${name} Duration from request to first response in milliseconds`, `# TYPE ${name} histogram`);
  for (const version of ready) {
    const labels = printLabels(labelsOf(version));
    const { bounds, counts, sum } = version.statistics.firstResponse;
    let total = 0;
    const buckets = counts.map((count, i) => {
      total += count;
      return `${name}_bucket${labelled(labels, "le", i < bounds.length ? String(bounds[i]) : "+Inf")} ${total}`;
    });
    lines.push(`${name}_count${labels} ${total}`, `${name}_sum${labels} ${sum}`, ...buckets);
  }
}
