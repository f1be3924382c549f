/**
 * The dynamic batcher: requests wait in a queue until an instance is free and a batch is worth running.
 */
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import type { BackendRequest, LoadedModel } from "../contract.js";
import type { VersionStatistics } from "../observe/statistics.js";
import { type BatchRules, batchRules, chooseBatch } from "./choose-batch.js";
import { inOrder, type Place } from "./in-order.js";
import { createInstances, type Instances } from "./instances.js";
import { type Job, now } from "./job.js";
import { createPolicyQueue, type PolicyQueue } from "./policy-queue.js";
import type { InstanceGate } from "./rate-limiter.js";
import { cancelled, stopping } from "./refusals.js";
import type { Answers, Executed, Scheduler } from "./scheduler.js";
import { timerDelay } from "./timer-delay.js";

/** While every instance is busy, Triton periodically checks for timed-out requests. */
const LOOK_MS = 500;

export function dynamicScheduler(...parts: ConstructorParameters<typeof DynamicScheduler>): Scheduler {
  const made = new DynamicScheduler(...parts);
  return { schedule: (request, answers) => made.schedule(request, answers), drain: () => made.drain() };
}

class DynamicScheduler implements Scheduler {
  readonly #rules: BatchRules;
  readonly #stats: VersionStatistics;
  readonly #sharesTurn: boolean;
  readonly #takePlace: (() => Place) | undefined;
  readonly #queue: PolicyQueue;
  readonly #instances: Instances;
  readonly #drained: (() => void)[] = [];
  readonly #dispatch = (): void => this.#runBatches();
  readonly #refuseExpired = (): void => this.#refuse();
  readonly #endTurn = (): void => this.#enterTurn();
  #isDraining = false;
  #held: number;
  /** Until a batch is worth running. */
  #timer: NodeJS.Timeout | undefined;
  /** Until requests are refused whose time is over. */
  #looking: NodeJS.Timeout | undefined;
  /** The requests of this turn of the event loop, if collecting them helps. */
  #turn: Job[] = [];
  #endsSoon = false;

  /** @param held requests to wait for before the first batch (a hook for tests, Triton's `TRITONSERVER_DELAY_SCHEDULER`) */
  constructor(
    config: ModelConfig,
    model: LoadedModel,
    count: number,
    stats: VersionStatistics,
    held: number,
    gate?: InstanceGate,
  ) {
    const batching = config.dynamic_batching!;
    this.#rules = batchRules(config, batching.preferred_batch_size, batching.max_queue_delay_microseconds);
    this.#stats = stats;
    this.#sharesTurn = model.sharesTurn === true;
    this.#takePlace = batching.preserve_ordering ? inOrder() : undefined;
    this.#held = held;
    this.#queue = createPolicyQueue(batching, () => this.#changed());
    // An instance without work says so to those who wait for it, and there are mostly none.
    const onFree = (): void => {
      if (this.#queue.size > 0 || this.#drained.length > 0) this.#changed();
    };
    this.#instances = createInstances(model, count, stats, onFree, gate);
  }

  schedule(request: BackendRequest, answers?: Answers): Promise<Executed> {
    if (this.#isDraining) return Promise.reject(stopping());
    if (request.signal?.aborted) return Promise.reject(cancelled());
    return new Promise((resolve, reject) => {
      const job: Job = { request, answers, arrived: now(), resolve, reject };
      if (!this.#sharesTurn) return this.#enter([job]);
      this.#turn.push(job);
      this.#endTurnSoon();
    });
  }

  async drain(): Promise<void> {
    this.#isDraining = true;
    this.#enterTurn();
    if (this.#queue.size > 0) await new Promise<void>(resolve => this.#drained.push(resolve));
    await this.#instances.idle();
  }

  #enterTurn(): void {
    const came = this.#turn;
    this.#turn = [];
    this.#endsSoon = false;
    this.#enter(came);
  }

  #endTurnSoon(): void {
    if (!this.#endsSoon) setImmediate(this.#endTurn);
    this.#endsSoon = true;
  }

  /** The queue or an instance is not as it was. */
  #changed(): void {
    if (this.#sharesTurn) this.#endTurnSoon();
    else this.#runBatches();
  }

  #enter(came: readonly Job[]): void {
    // One that would leave the queue at once need not go through it, its timers and its lists.
    if (came.length === 1 && this.#startsNow()) {
      if (came[0]!.request.signal?.aborted) came[0]!.reject(cancelled());
      else this.#run(came);
      return;
    }
    for (const job of came)
      try {
        if (job.request.signal?.aborted) job.reject(cancelled());
        else this.#queue.add(job);
      } catch (refusal) {
        job.reject(refusal);
      }
    this.#runBatches();
  }

  /** No request waits or is held. */
  #startsNow(): boolean {
    return this.#held === 0 && this.#rules.delay === 0 && this.#queue.size === 0 && this.#instances.free() > 0;
  }

  /** Runs batches for as long as an instance is free, or sets the timer for when one is worth running. */
  #runBatches(): void {
    const queue = this.#queue;
    const instances = this.#instances;
    this.#stats.pending = queue.size;
    if (queue.size < this.#held && !this.#isDraining) return;
    this.#held = 0;
    clearTimeout(this.#timer);
    // Only called if needed: a limiter takes the call for a wish to run.
    if (queue.size > 0 && instances.free() > 0) this.#refuse();
    else if (queue.hasExpired) this.#looking ??= setTimeout(this.#refuseExpired, LOOK_MS);
    const rules = this.#isDraining ? { ...this.#rules, delay: 0 } : this.#rules;
    while (queue.size > 0 && instances.free() > 0) {
      const batch = chooseBatch(queue.jobs(), rules, now());
      if (typeof batch === "number") {
        this.#timer = setTimeout(this.#dispatch, timerDelay(Math.max(1, Math.ceil(batch / 1e6))));
        break;
      }
      for (const job of batch) queue.take(job);
      this.#run(batch);
    }
    this.#stats.pending = queue.size;
    this.#wakeDrained();
  }

  #run(jobs: readonly Job[]): void {
    const takePlace = this.#takePlace;
    this.#instances.run(takePlace ? jobs.map(job => placed(job, takePlace())) : jobs);
  }

  /** Answers the requests whose time is over. */
  #refuse(): void {
    clearTimeout(this.#looking);
    this.#looking = undefined;
    this.#queue.refuseExpired();
    this.#stats.pending = this.#queue.size;
    this.#wakeDrained();
  }

  #wakeDrained(): void {
    if (this.#queue.size === 0) for (const wake of this.#drained.splice(0)) wake();
  }
}

const placed = (job: Job, place: Place): Job => ({
  ...job,
  resolve: done => place(() => job.resolve(done)),
  reject: fault => place(() => job.reject(fault)),
});
