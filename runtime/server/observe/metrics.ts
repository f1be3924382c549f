/**
 * The counters of every model version, and the machine's, as Prometheus text.
 */
import { cpus, freemem, totalmem } from "node:os";
import { faultCount } from "../../base/in-background.js";
import { isolatedModels } from "../../base/native-marks.js";
import type { ExposureCounts } from "../exposures/exposure-log.js";
import type { FailedVersion, ReadyVersion } from "../models/ready-version.js";
import type { FailureCounts } from "./failure-counts.js";
import { labelsOf, nameLabels, printLabels } from "./metric-labels.js";
import { printExposures } from "./metrics-exposures.js";
import { printHistograms, printSummaries, readQuantiles } from "./metrics-latencies.js";
import { printStages } from "./metrics-stages.js";
import { FAILURE_REASONS, type VersionStatistics } from "./statistics.js";

interface Family {
  readonly name: string;
  /** `latency` counters can be switched off, and `count` ones then stop, as Triton's do. */
  readonly group?: "count" | "latency" | "identity" | "cache";
  readonly help: string;
  readonly type: "counter" | "gauge";
  value(version: ReadyVersion): number;
}

const micros =
  (pick: (stats: VersionStatistics) => number) =>
  (version: ReadyVersion): number =>
    Math.floor(pick(version.statistics) / 1000);

const FAMILIES: readonly Family[] = [
  {
    ...counter(
      "nv_inference_request_success",
      "Number of successful inference requests, all batch sizes",
      v => v.statistics.success.count,
    ),
    group: "count",
  },
  {
    ...counter(
      "nv_inference_count",
      "Number of inferences performed (does not include cached requests)",
      v => v.statistics.inferenceCount,
    ),
    group: "count",
  },
  {
    ...counter(
      "nv_inference_exec_count",
      "Number of model executions performed (does not include cached requests)",
      v => v.statistics.executionCount,
    ),
    group: "count",
  },
  {
    ...counter(
      "nv_inference_request_duration_us",
      "Cumulative inference request duration in microseconds (includes cached requests)",
      micros(s => s.success.ns),
    ),
    group: "latency",
  },
  {
    ...counter(
      "nv_inference_queue_duration_us",
      "Cumulative inference queuing duration in microseconds (includes cached requests)",
      micros(s => s.queue.ns),
    ),
    group: "latency",
  },
  {
    ...counter(
      "nv_inference_compute_input_duration_us",
      "Cumulative compute input duration in microseconds (does not include cached requests)",
      micros(s => s.computeInput.ns),
    ),
    group: "latency",
  },
  {
    ...counter(
      "nv_inference_compute_infer_duration_us",
      "Cumulative compute inference duration in microseconds (does not include cached requests)",
      micros(s => s.computeInfer.ns),
    ),
    group: "latency",
  },
  {
    ...counter(
      "nv_inference_compute_output_duration_us",
      "Cumulative inference compute output duration in microseconds (does not include cached requests)",
      micros(s => s.computeOutput.ns),
    ),
    group: "latency",
  },
  {
    ...counter(
      "input_byte_size_counter",
      "Cumulative input byte size of all requests received by the model",
      v => v.statistics.inputBytes,
    ),
    group: "identity",
  },
  {
    ...counter("nv_cache_num_hits_per_model", "Number of cache hits per model", v => v.statistics.cacheHit.count),
    group: "cache",
  },
  {
    ...counter("nv_cache_num_misses_per_model", "Number of cache misses per model", v => v.statistics.cacheMiss.count),
    group: "cache",
  },
  {
    ...counter(
      "nv_cache_hit_duration_per_model",
      "Total cache hit duration per model, in microseconds",
      micros(s => s.cacheHit.ns),
    ),
    group: "cache",
  },
  {
    ...counter(
      "nv_cache_miss_duration_per_model",
      "Total cache miss duration per model, in microseconds",
      micros(s => s.cacheMiss.ns),
    ),
    group: "cache",
  },
  gauge(
    "nv_inference_pending_request_count",
    "Instantaneous number of pending requests awaiting execution per-model.",
    v => v.statistics.pending,
  ),
  gauge("nv_model_load_duration_secs", "Model load time in seconds", v => v.loadSeconds),
];

function counter(name: string, help: string, value: Family["value"]): Family {
  return { name, help, type: "counter", value };
}
function gauge(name: string, help: string, value: Family["value"]): Family {
  return { name, help, type: "gauge", value };
}

export interface MetricsOptions {
  readonly cpu: boolean;
  /** `--metrics-config`, by setting. */
  readonly config: Readonly<Record<string, string>>;
  /** How old the machine's figures may be. */
  readonly intervalMs: number;
  /** Memory of this process in bytes; `limit` is infinite where there is none. */
  readonly memory: () => { readonly resident: number; readonly charged: number; readonly limit: number };
  /** Counts of the exposure log; undefined on a server without one. */
  readonly exposures?: (() => ExposureCounts) | undefined;
  /** Days until the certificate of the gRPC port expires; undefined without TLS. */
  readonly certificateDays?: () => number | undefined;
  /** Counts of all versions, past and present. */
  readonly failures: FailureCounts;
}

/** Adds the head of a family of lines. */
type AddHead = (name: string, help: string, type: string) => void;

export interface Metrics {
  /** @param failed versions that did not load: they have a series of failures all the same */
  print(ready: readonly ReadyVersion[], failed: readonly FailedVersion[]): string;
}

export function createMetrics(options: MetricsOptions): Metrics {
  const machine = createMachineFigures(options.intervalMs);
  const isOn = (setting: string, usual: boolean): boolean =>
    options.config[setting] === undefined ? usual : /^(true|1|on)$/i.test(options.config[setting]);
  const counters = isOn("counter_latencies", true);
  const summaries = isOn("summary_latencies", false);
  const histograms = isOn("histogram_latencies", false);
  const quantiles = readQuantiles(options.config.summary_quantiles);
  return {
    print(ready, failed) {
      const lines: string[] = [];
      const head: AddHead = (name, help, type) => {
        lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
      };
      const [success, ...rest] = FAMILIES;
      printFamily(success!, ready, counters, lines, head);
      for (const version of failed) options.failures.of(version);
      printFailures(options.failures, lines, head);
      for (const family of rest) printFamily(family, ready, counters, lines, head);
      printMachine(options, machine, lines, head);
      if (histograms) printHistograms(ready, lines);
      if (summaries) printSummaries(ready, quantiles, lines);
      printFaults(lines);
      printStages(ready, lines);
      printIsolated(lines, head);
      printOwnMemory(options, lines, head);
      printCertificate(options.certificateDays?.(), lines, head);
      if (options.exposures) printExposures(options.exposures(), lines);
      return `${lines.join("\n")}\n`;
    },
  };
}

/** @param counters whether latencies are counted; otherwise counts stop */
function printFamily(
  { name, help, type, group, value }: Family,
  ready: readonly ReadyVersion[],
  counters: boolean,
  lines: string[],
  head: AddHead,
): void {
  if (group === "latency" && !counters) return;
  const versions = ready.filter(({ config }) => {
    if (group === "identity") return config.backend === "identity";
    return group !== "cache" || config.response_cache?.enable === true;
  });
  if (versions.length === 0) return;
  head(name, help, type);
  for (const version of versions) {
    const labels = group === "identity" ? nameLabels(version) : labelsOf(version);
    lines.push(`${name}${printLabels(labels)} ${group === "count" && !counters ? 0 : value(version)}`);
  }
}

function printFailures(all: FailureCounts, lines: string[], head: AddHead): void {
  const failures = [...all.all()];
  if (failures.length > 0)
    head("nv_inference_request_failure", "Number of failed inference requests, all batch sizes", "counter");
  for (const { labels, counts } of failures)
    for (const reason of FAILURE_REASONS)
      lines.push(`nv_inference_request_failure${printLabels({ ...labels, reason })} ${counts[reason]}`);
}

function printIsolated(lines: string[], head: AddHead): void {
  const name = "merlon_model_isolated";
  const models = isolatedModels();
  if (models.length > 0)
    head(name, "1 for a model that runs in processes of its own since its native code ended a worker", "gauge");
  for (const { model, version } of models) lines.push(`${name}${printLabels({ model, version })} 1`);
}

function printOwnMemory({ memory }: MetricsOptions, lines: string[], head: AddHead): void {
  const { resident, charged, limit } = memory();
  head("merlon_memory_resident_bytes", "Resident memory of the server, in bytes", "gauge");
  lines.push(`merlon_memory_resident_bytes ${resident}`);
  head("merlon_memory_charged_bytes", "Memory that requests and responses hold, in bytes", "gauge");
  lines.push(`merlon_memory_charged_bytes ${charged}`);
  if (!Number.isFinite(limit)) return;
  head("merlon_memory_limit_bytes", "Memory limit of the server (--memory-limit), in bytes", "gauge");
  lines.push(`merlon_memory_limit_bytes ${limit}`);
}

function printCertificate(days: number | undefined, lines: string[], head: AddHead): void {
  if (days === undefined) return;
  const name = "merlon_tls_certificate_days_left";
  head(name, "Days until the certificate of the gRPC port expires, negative afterwards", "gauge");
  lines.push(`${name} ${days.toFixed(3)}`);
}

interface MachineFigures {
  /** Part of the processors' time, from 0 to 1. */
  readonly utilization: number;
  readonly usedBytes: number;
}

/** @returns the figures, taken anew when they are older than `intervalMs` */
function createMachineFigures(intervalMs: number): () => MachineFigures {
  let before = cpuTimes();
  let taken = Number.NEGATIVE_INFINITY;
  let figures: MachineFigures = { utilization: 0, usedBytes: 0 };
  return () => {
    if (performance.now() - taken < intervalMs) return figures;
    const now = cpuTimes();
    const total = now.total - before.total;
    figures = {
      utilization: total > 0 ? 1 - (now.idle - before.idle) / total : 0,
      usedBytes: totalmem() - freemem(),
    };
    before = now;
    taken = performance.now();
    return figures;
  };
}

function printMachine({ cpu }: MetricsOptions, figures: () => MachineFigures, lines: string[], head: AddHead): void {
  const gaugeLine = (name: string, help: string, value: number): void => {
    head(name, help, "gauge");
    lines.push(`${name} ${value}`);
  };
  if (!cpu) return;
  const { utilization, usedBytes } = figures();
  gaugeLine("nv_cpu_utilization", "CPU utilization rate [0.0 - 1.0]", utilization);
  gaugeLine("nv_cpu_memory_total_bytes", "CPU total memory (RAM), in bytes", totalmem());
  gaugeLine("nv_cpu_memory_used_bytes", "CPU used memory (RAM), in bytes", usedBytes);
}

function cpuTimes(): { readonly idle: number; readonly total: number } {
  let [idle, total] = [0, 0];
  for (const { times } of cpus()) {
    idle += times.idle;
    total += times.user + times.nice + times.sys + times.idle + times.irq;
  }
  return { idle, total };
}

/** Only where there were some, so that other servers print what Triton prints. */
function printFaults(lines: string[]): void {
  const name = "merlon_unexpected_faults_total";
  if (faultCount() > 0)
    lines.push(
      `# HELP ${name} Faults of the program in work that no request waits for; each is in the log`,
      `# TYPE ${name} counter`,
      `${name} ${faultCount()}`,
    );
}
