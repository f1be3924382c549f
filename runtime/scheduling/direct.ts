/**
 * The scheduler without a batcher: requests run in the order of arrival, one per execution, at most `instances` at a time.
 */
import type { BackendRequest, BackendResponse, LoadedModel } from "../backends/backend.js";
import { RuntimeFault } from "../errors.js";
import { recordExecution, type VersionStatistics } from "../statistics.js";
import type { Executed, Scheduler } from "./scheduler.js";

interface Waiting {
  start(): void;
}

const nanoseconds = (): number => performance.now() * 1e6;

export function directScheduler(model: LoadedModel, instances: number, stats: VersionStatistics): Scheduler {
  const queue = new Set<Waiting>();
  const idle: (() => void)[] = [];
  let running = 0;
  let draining = false;

  /** Waits for a free instance. */
  const acquire = (signal: AbortSignal | undefined): Promise<void> | undefined => {
    if (running < instances) {
      running++;
      return undefined;
    }
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        if (queue.delete(waiting)) reject(cancelled());
      };
      const waiting: Waiting = {
        start() {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      queue.add(waiting);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  };
  const release = (): void => {
    const [next] = queue;
    if (next) {
      queue.delete(next);
      next.start();
      return;
    }
    running--;
    if (running === 0) for (const wake of idle.splice(0)) wake();
  };

  return {
    async schedule(request: BackendRequest, batch: number): Promise<Executed> {
      if (draining)
        throw new RuntimeFault(
          "UNAVAILABLE",
          "Server is stopping, scheduler for model has stopped accepting new inference requests",
        );
      const arrived = nanoseconds();
      stats.pending++;
      try {
        await acquire(request.signal);
      } finally {
        stats.pending--;
      }
      try {
        if (request.signal?.aborted) throw cancelled();
        const started = nanoseconds();
        const [answer] = await model.execute([request]);
        const ended = nanoseconds();
        const response = unwrap(answer);
        const times = { input: 1, infer: ended - started, output: 1 };
        recordExecution(stats, batch, times);
        return { response, queueNs: started - arrived, times };
      } finally {
        release();
      }
    },
    drain() {
      draining = true;
      return running === 0 ? Promise.resolve() : new Promise(resolve => idle.push(resolve));
    },
  };
}

const cancelled = (): RuntimeFault => new RuntimeFault("CANCELLED", "Request cancelled");

function unwrap(answer: BackendResponse | RuntimeFault | undefined): BackendResponse {
  if (answer === undefined) throw new RuntimeFault("INTERNAL", "expected a single response, got 0");
  if (answer instanceof Error) throw answer;
  return answer;
}
