/**
 * The scheduler without a batcher: requests run in the order of arrival, one per execution, at most `instances` at a time.
 */
import type { LoadedModel } from "../contract.js";
import type { VersionStatistics } from "../observe/statistics.js";
import { createInstances } from "./instances.js";
import { type Job, now, watchAbort } from "./job.js";
import { JobQueue } from "./job-queue.js";
import type { InstanceGate } from "./rate-limiter.js";
import { cancelled, stopping } from "./refusals.js";
import { runSync } from "./run-jobs.js";
import type { Scheduler } from "./scheduler.js";

export function directScheduler(
  model: LoadedModel,
  count: number,
  stats: VersionStatistics,
  gate?: InstanceGate,
): Scheduler {
  const queue = new JobQueue();
  let draining = false;
  const drained: (() => void)[] = [];
  const wakeDrained = (): void => {
    if (queue.size === 0 && drained.length > 0) for (const wake of drained.splice(0)) wake();
  };
  const runNext = (): void => {
    // One release of a limiter may be enough for several.
    while (queue.size > 0 && hasRoom()) {
      const next = queue.first!;
      queue.delete(next);
      stats.pending--;
      next.forget?.();
      instances.run([next]);
    }
    wakeDrained();
  };
  const instances = createInstances(model, count, stats, runNext, gate);
  const hasRoom = (): boolean => instances.free() > 0 || instances.hasRoom();
  return {
    ...(model.computeSync &&
      !gate && {
        runSync: (rows, inputs, wanted) =>
          draining || queue.size > 0 || instances.free() === 0
            ? undefined
            : runSync(model, rows, inputs, wanted, stats),
      }),
    schedule(request, answers) {
      if (draining) return Promise.reject(stopping());
      const { signal } = request;
      if (signal?.aborted) return Promise.reject(cancelled());
      return new Promise((resolve, reject) => {
        const job: Job = { request, answers, arrived: now(), resolve, reject };
        if (queue.size === 0 && hasRoom()) {
          instances.run([job]);
          return;
        }
        queue.add(job);
        stats.pending++;
        watchAbort(job, () => {
          queue.delete(job);
          stats.pending--;
          reject(cancelled());
          wakeDrained();
        });
      });
    },
    async drain() {
      draining = true;
      if (queue.size > 0) await new Promise<void>(resolve => drained.push(resolve));
      await instances.idle();
    },
  };
}
