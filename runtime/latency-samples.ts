/**
 * The latest latencies of a model version, for the summaries among the metrics: a ring of bounded size, quantiles over the last minute.
 */
export const LATENCIES = [
  ...(["request", "queue", "compute_input", "compute_infer", "compute_output"] as const),
  ...(["cache_hit", "cache_miss"] as const),
] as const;
export type Latency = (typeof LATENCIES)[number];

const SIZE = 512;
const WINDOW_MS = 60_000;

export interface LatencySamples {
  /** Nanoseconds of one request that a model answered. */
  addAnswer(request: number, queue: number, input: number, infer: number, output: number): void;
  /** Nanoseconds of what happened; what did not is left out. */
  add(values: Readonly<Partial<Record<Latency, number>>>): void;
  /** Microseconds; NaN when nothing was answered in the last minute. */
  quantile(latency: Latency, quantile: number): number;
}

export function createSamples(): LatencySamples {
  const times = new Float64Array(SIZE);
  const rings = Object.fromEntries(LATENCIES.map(name => [name, new Float64Array(SIZE)])) as Record<
    Latency,
    Float64Array
  >;
  let added = 0;
  return {
    // As numbers, and not as a record that each request would make.
    addAnswer(request, queue, input, infer, output) {
      const at = added++ % SIZE;
      times[at] = performance.now();
      rings.request[at] = request / 1000;
      rings.queue[at] = queue / 1000;
      rings.compute_input[at] = input / 1000;
      rings.compute_infer[at] = infer / 1000;
      rings.compute_output[at] = output / 1000;
      rings.cache_hit[at] = Number.NaN;
      rings.cache_miss[at] = Number.NaN;
    },
    add(values) {
      const at = added++ % SIZE;
      times[at] = performance.now();
      for (const name of LATENCIES) rings[name][at] = (values[name] ?? Number.NaN) / 1000;
    },
    quantile(latency, quantile) {
      const since = performance.now() - WINDOW_MS;
      const recent = rings[latency]
        .subarray(0, Math.min(added, SIZE))
        .filter((value, i) => times[i]! >= since && !Number.isNaN(value));
      if (recent.length === 0) return Number.NaN;
      return recent.sort()[Math.min(recent.length - 1, Math.floor(quantile * recent.length))]!;
    },
  };
}
