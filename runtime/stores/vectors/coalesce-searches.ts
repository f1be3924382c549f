/**
 * Coalesces searches: those that arrive while one is in flight wait for it and then run as one batch. One pass over an index costs less than several, and fewer
 * messages go to other threads. Cancelled searches are dropped.
 */
import type { Cancellation } from "../../base/cancellation.js";
import { RuntimeFault } from "../../base/errors.js";
import type { Find, Hits } from "./search.js";

interface Waiting {
  readonly queries: Float32Array;
  readonly count: number;
  readonly k: number;
  readonly signal: Cancellation | undefined;
  resolve(hits: readonly Hits[]): void;
  reject(error: Error): void;
}

/** Each search gets the hits of its own queries, synchronously if `search` is synchronous. A failure rejects all searches of its batch. */
export function coalesceSearches(search: Find): Find {
  let waiting: Waiting[] = [];
  let running = false;
  const runAll = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting.filter(({ k }) => k === waiting[0]!.k);
      waiting = waiting.filter(({ k }) => k !== batch[0]!.k);
      await runBatch(search, batch.filter(isWanted));
    }
    running = false;
  };
  const queue: Find = (queries, count, k, signal) =>
    new Promise((resolve, reject) => {
      waiting.push({ queries, count, k, signal, resolve, reject });
    });
  return (queries, count, k, signal) => {
    if (running) return queue(queries, count, k, signal);
    const hits = search(queries, count, k, signal);
    if (!(hits instanceof Promise)) return hits;
    running = true;
    return hits.finally(() => void runAll());
  };
}

function isWanted({ signal, reject }: Waiting): boolean {
  if (signal?.aborted) reject(new RuntimeFault("CANCELLED", "the request was cancelled"));
  return !signal?.aborted;
}

async function runBatch(search: Find, batch: readonly Waiting[]): Promise<void> {
  if (batch.length === 0) return;
  try {
    const [first] = batch;
    const count = batch.reduce((sum, one) => sum + one.count, 0);
    const hits =
      batch.length === 1
        ? await search(first!.queries, count, first!.k, first!.signal)
        : await search(joined(batch), count, first!.k);
    let at = 0;
    for (const one of batch) {
      one.resolve(hits.slice(at, at + one.count));
      at += one.count;
    }
  } catch (error) {
    for (const one of batch) one.reject(error as Error);
  }
}

function joined(batch: readonly Waiting[]): Float32Array {
  const made = new Float32Array(batch.reduce((sum, { queries }) => sum + queries.length, 0));
  let at = 0;
  for (const { queries } of batch) {
    made.set(queries, at);
    at += queries.length;
  }
  return made;
}
