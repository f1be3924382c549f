/** One point of a sweep: a number of requests in flight for a time, timed here, and split by the server's counters. */
import type { Client, ModelStatistics } from "../../runtime/client/index.js";
import type { InferOptions } from "../../runtime/client/public.js";
import { difference } from "./stats.js";

export interface BenchPoint {
  readonly concurrency: number;
  /** Answers a second. */
  readonly rate: number;
  readonly answers: number;
  readonly failed: number;
  /** The text of the first failure. */
  readonly fault?: string;
  /** Milliseconds. */
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  /** Mean microseconds a request, as the server counted; absent where it does not say. */
  readonly server?: { readonly queue: number; readonly input: number; readonly infer: number; readonly output: number };
}

interface Load {
  readonly concurrency: number;
  readonly seconds: number;
  readonly warmup: number;
}

/** @throws ClientError when not one request is answered */
export async function measure(
  client: Client,
  model: string,
  inputs: Readonly<Record<string, unknown>>,
  options: InferOptions,
  load: Load,
): Promise<BenchPoint> {
  await run(client, model, inputs, options, load.concurrency, load.warmup);
  const count = () => client.statistics(model, options.version).catch((): readonly ModelStatistics[] => []);
  const before = await count();
  const { times, failures, seconds } = await run(client, model, inputs, options, load.concurrency, load.seconds);
  const [stats] = difference(before, await count());
  if (times.length === 0)
    throw failures[0] ?? new Error(`no answer within ${load.seconds} s; measure longer with --seconds`);
  times.sort((a, b) => a - b);
  const quantile = (q: number): number => times[Math.min(times.length - 1, Math.floor(q * times.length))]!;
  const [fault] = failures;
  return {
    concurrency: load.concurrency,
    rate: times.length / seconds,
    answers: times.length,
    failed: failures.length,
    ...(fault && { fault: fault.message }),
    mean: times.reduce((sum, time) => sum + time, 0) / times.length,
    p50: quantile(0.5),
    p90: quantile(0.9),
    p95: quantile(0.95),
    p99: quantile(0.99),
    ...serverSplit(stats),
  };
}

function serverSplit(stats: ModelStatistics | undefined): Pick<BenchPoint, "server"> {
  const split = stats?.inference_stats;
  const count = Number(split?.success?.count ?? 0);
  if (!split || count === 0) return {};
  const micros = (part: { readonly ns: number } | undefined): number => Number(part?.ns ?? 0) / count / 1000;
  return {
    server: {
      queue: micros(split.queue),
      input: micros(split.compute_input),
      infer: micros(split.compute_infer),
      output: micros(split.compute_output),
    },
  };
}

async function run(
  client: Client,
  model: string,
  inputs: Readonly<Record<string, unknown>>,
  options: InferOptions,
  concurrency: number,
  seconds: number,
) {
  const times: number[] = [];
  const failures: Error[] = [];
  const began = performance.now();
  const end = began + seconds * 1000;
  const worker = async (): Promise<void> => {
    while (performance.now() < end) {
      const start = performance.now();
      try {
        await client.infer(model, inputs as never, options);
        times.push(performance.now() - start);
      } catch (error) {
        failures.push(error as Error);
        // Without a delay, a failing server would be called as fast as this loop runs.
        await new Promise(resolve => setTimeout(resolve, 10));
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return { times, failures, seconds: (performance.now() - began) / 1000 };
}
