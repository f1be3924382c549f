/**
 * The dynamic batcher: requests wait in a queue until an instance is free and a batch is worth running.
 */
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import type { LoadedModel } from "../contract.js";
import type { VersionStatistics } from "../observe/statistics.js";
import { batchRules, chooseBatch } from "./choose-batch.js";
import { inOrder, type Place } from "./in-order.js";
import { createInstances } from "./instances.js";
import { type Job, now } from "./job.js";
import { createPolicyQueue } from "./policy-queue.js";
import type { InstanceGate } from "./rate-limiter.js";
import { cancelled, stopping } from "./refusals.js";
import type { Scheduler } from "./scheduler.js";
import { timerDelay } from "./timer-delay.js";

/** While every instance is busy, Triton looks every so often for requests whose time is over. */
const LOOK_MS = 500;

/** @param held requests to wait for before the first batch (a hook for tests, Triton's `TRITONSERVER_DELAY_SCHEDULER`) */
export function dynamicScheduler(
  config: ModelConfig,
  model: LoadedModel,
  count: number,
  stats: VersionStatistics,
  held: number,
  gate?: InstanceGate,
): Scheduler {
  const batching = config.dynamic_batching!;
  const rules = batchRules(config, batching.preferred_batch_size, batching.max_queue_delay_microseconds);
  const drained: (() => void)[] = [];
  const takePlace = batching.preserve_ordering ? inOrder() : undefined;
  let draining = false;
  let hold = held;
  let timer: NodeJS.Timeout | undefined;
  let looking: NodeJS.Timeout | undefined;

  const refuseExpired = (): void => {
    clearTimeout(looking);
    looking = undefined;
    queue.refuseExpired();
    stats.pending = queue.size;
    if (queue.size === 0) for (const wake of drained.splice(0)) wake();
  };
  const run = (jobs: readonly Job[]): void =>
    instances.run(takePlace ? jobs.map(job => placed(job, takePlace())) : jobs);
  const dispatch = (): void => {
    stats.pending = queue.size;
    if (queue.size < hold && !draining) return;
    hold = 0;
    clearTimeout(timer);
    // Only called if needed: a limiter takes the call for a wish to run.
    if (queue.size > 0 && instances.free() > 0) refuseExpired();
    else if (queue.hasExpired) looking ??= setTimeout(refuseExpired, LOOK_MS);
    while (queue.size > 0 && instances.free() > 0) {
      const batch = chooseBatch(queue.jobs(), draining ? { ...rules, delay: 0 } : rules, now());
      if (typeof batch === "number") {
        timer = setTimeout(dispatch, timerDelay(Math.max(1, Math.ceil(batch / 1e6))));
        break;
      }
      for (const job of batch) queue.take(job);
      run(batch);
    }
    stats.pending = queue.size;
    if (queue.size === 0) for (const wake of drained.splice(0)) wake();
  };
  /** Nobody waits, and nobody is waited for. */
  const startsNow = (): boolean => hold === 0 && rules.delay === 0 && queue.size === 0 && instances.free() > 0;
  const enter = (came: readonly Job[]): void => {
    // One that would leave the queue at once need not go through it, its timers and its lists.
    if (came.length === 1 && startsNow()) {
      if (came[0]!.request.signal?.aborted) came[0]!.reject(cancelled());
      else run(came);
      return;
    }
    for (const job of came)
      try {
        if (job.request.signal?.aborted) job.reject(cancelled());
        else queue.add(job);
      } catch (refusal) {
        job.reject(refusal);
      }
    dispatch();
  };
  /** What came in this turn of the event loop, where it is worth waiting for all of it. */
  let turn: Job[] = [];
  let soon = false;
  const endTurn = (): void => {
    const came = turn;
    turn = [];
    soon = false;
    enter(came);
  };
  const endTurnSoon = (): void => {
    if (!soon) setImmediate(endTurn);
    soon = true;
  };
  const changed = model.sharesTurn ? endTurnSoon : dispatch;
  const queue = createPolicyQueue(batching, changed);
  /** An instance without work says so to those who wait for it, and there are mostly none. */
  const freed = (): void => {
    if (queue.size > 0 || drained.length > 0) changed();
  };
  const instances = createInstances(model, count, stats, freed, gate);

  return {
    schedule(request, answers) {
      if (draining) return Promise.reject(stopping());
      if (request.signal?.aborted) return Promise.reject(cancelled());
      return new Promise((resolve, reject) => {
        const job: Job = { request, answers, arrived: now(), resolve, reject };
        if (!model.sharesTurn) return enter([job]);
        turn.push(job);
        endTurnSoon();
      });
    },
    async drain() {
      draining = true;
      endTurn();
      if (queue.size > 0) await new Promise<void>(resolve => drained.push(resolve));
      await instances.idle();
    },
  };
}

const placed = (job: Job, place: Place): Job => ({
  ...job,
  resolve: done => place(() => job.resolve(done)),
  reject: fault => place(() => job.reject(fault)),
});
