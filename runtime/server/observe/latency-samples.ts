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
  /** Nanoseconds of each event that happened. */
  add(values: Readonly<Partial<Record<Latency, number>>>): void;
  /** Microseconds; NaN when nothing was answered in the last minute. */
  quantile(latency: Latency, quantile: number): number;
}

/**
 * A sample: its time, and each latency in microseconds, NaN for an event that did not happen. Side by side, since one request writes all of
 * them.
 */
const STRIDE = 1 + LATENCIES.length;

export function createSamples(): LatencySamples {
  const ring = new Float64Array(SIZE * STRIDE);
  let added = 0;
  /** @returns where its first latency is dropped */
  const begin = (): number => {
    const at = (added++ % SIZE) * STRIDE;
    ring[at] = performance.now();
    return at + 1;
  };
  return {
    // As numbers, and not as a record that each request would make; in the order of `LATENCIES`.
    addAnswer(request, queue, input, infer, output) {
      const at = begin();
      ring[at] = request / 1000;
      ring[at + 1] = queue / 1000;
      ring[at + 2] = input / 1000;
      ring[at + 3] = infer / 1000;
      ring[at + 4] = output / 1000;
      ring[at + 5] = Number.NaN;
      ring[at + 6] = Number.NaN;
    },
    add(values) {
      const at = begin();
      LATENCIES.forEach((name, i) => {
        ring[at + i] = (values[name] ?? Number.NaN) / 1000;
      });
    },
    quantile(latency, quantile) {
      const since = performance.now() - WINDOW_MS;
      const place = 1 + LATENCIES.indexOf(latency);
      const recent: number[] = [];
      for (let at = 0; at < Math.min(added, SIZE) * STRIDE; at += STRIDE)
        if (ring[at]! >= since && !Number.isNaN(ring[at + place]!)) recent.push(ring[at + place]!);
      if (recent.length === 0) return Number.NaN;
      const sorted = Float64Array.from(recent).sort();
      return sorted[Math.min(sorted.length - 1, Math.floor(quantile * sorted.length))]!;
    },
  };
}
