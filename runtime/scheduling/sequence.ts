/**
 * The sequence batcher: the requests of a sequence run one after the other in one slot of one instance. `direct` gives every sequence a row
 * of the batch; `oldest` batches the waiting requests of its candidates as the dynamic batcher does.
 */
import type { ModelConfig } from "../../triton-protos/model-config.js";
import type { BackendRequest, BackendResponse, LoadedModel } from "../backends/backend.js";
import { RuntimeFault } from "../errors.js";
import type { VersionStatistics } from "../statistics.js";
import { batchRules, chooseBatch } from "./choose-batch.js";
import { inOrder } from "./in-order.js";
import { createInstances, type Job, now, watchAbort } from "./instances.js";
import type { InstanceGate } from "./rate-limiter.js";
import { cancelled, stopping } from "./refusals.js";
import type { Executed, Scheduler } from "./scheduler.js";
import { checkSequenceRequest } from "./sequence-check.js";
import type { SequenceInputs } from "./sequence-inputs.js";
import { createSlots, type Sequence } from "./sequence-slots.js";

/** Requests to wait for before anything runs; hooks for tests, Triton's environment variables of the same purpose. */
export interface Held {
  readonly queued: number;
  readonly backlog: number;
}

export function sequenceScheduler(
  config: ModelConfig,
  model: LoadedModel,
  count: number,
  stats: VersionStatistics,
  inputs: SequenceInputs,
  held: Held,
  gate?: InstanceGate,
): Scheduler {
  const batching = config.sequence_batching!;
  const { oldest, iterative_sequence: iterative } = batching;
  let lastId = 1n;
  const width = oldest ? Math.max(1, oldest.max_candidate_sequences) : Math.max(1, config.max_batch_size);
  const rules = batchRules(config, oldest?.preferred_batch_size ?? [], oldest?.max_queue_delay_microseconds ?? 0);
  const directDelay = (batching.direct?.max_queue_delay_microseconds ?? 0) * 1000;
  const utilization = batching.direct?.minimum_slot_utilization ?? 0;
  const order = oldest?.preserve_ordering ? inOrder() : undefined;
  const slots = createSlots(count, width, batching.max_sequence_idle_microseconds || 1_000_000, expire);
  const instances = createInstances(model, count, stats, dispatch, gate);
  const drained: (() => void)[] = [];
  let draining = false;
  let waiting = 0;
  let hold = held;
  let timer: NodeJS.Timeout | undefined;

  function dispatch(): void {
    if (!draining && isHeld()) return;
    hold = { queued: 0, backlog: 0 };
    clearTimeout(timer);
    let again = Number.POSITIVE_INFINITY;
    for (let instance = 0; instance < count; instance++) {
      if (!instances.isFree(instance)) continue;
      const chosen = oldest ? chooseOldest(instance) : chooseDirect(instance);
      if (typeof chosen === "number") again = Math.min(again, chosen);
      else if (chosen.some(sequence => sequence)) run(chosen, instance);
    }
    if (Number.isFinite(again)) timer = setTimeout(dispatch, Math.max(1, Math.ceil(again / 1e6)));
    if (waiting === 0) for (const wake of drained.splice(0)) wake();
  }
  function isHeld(): boolean {
    const backlog = [...slots.backlog].reduce((sum, { queue }) => sum + queue.length, 0);
    return waiting - backlog < hold.queued || backlog < hold.backlog;
  }
  const readyIn = (instance: number): (Sequence | undefined)[] =>
    slots.all
      .filter(slot => slot.instance === instance)
      .map(({ sequence }) => (sequence && !sequence.running && sequence.queue.length > 0 ? sequence : undefined));

  /** The rows up to the last slot that has a request; slots without one stay empty. */
  function chooseDirect(instance: number): readonly (Sequence | undefined)[] | number {
    const rows = readyIn(instance);
    const ready = rows.filter(sequence => sequence !== undefined);
    if (ready.length === 0) return [];
    const oldestArrival = Math.min(...ready.map(sequence => sequence.queue[0]!.arrived));
    const left = directDelay - (now() - oldestArrival);
    if (!draining && left > 0 && ready.length < Math.max(1, utilization * width)) return left;
    return rows.slice(0, rows.findLastIndex(sequence => sequence !== undefined) + 1);
  }
  function chooseOldest(instance: number): readonly Sequence[] | number {
    const ready = new Map<Job, Sequence>();
    for (const sequence of readyIn(instance)) if (sequence) ready.set(sequence.queue[0]!, sequence);
    if (ready.size === 0) return [];
    const jobs = [...ready.keys()].sort((a, b) => a.arrived - b.arrived);
    const batch = chooseBatch(jobs, draining ? { ...rules, delay: 0 } : rules, now());
    return typeof batch === "number" ? batch : batch.map(job => ready.get(job)!);
  }
  function run(chosen: readonly (Sequence | undefined)[], instance: number): void {
    const like = chosen.find(sequence => sequence)!.queue[0]!.request;
    const jobs = chosen.map((sequence): Job => (sequence ? take(sequence) : nobody(inputs.empty(like))));
    stats.pending = waiting;
    instances.run(jobs, instance);
  }
  function take(sequence: Sequence): Job {
    const job = sequence.queue.shift()!;
    waiting--;
    job.forget?.();
    sequence.running = true;
    if (job.request.controls.start) sequence.state = inputs.initial;
    const again = (response: BackendResponse): void => {
      sequence.state = inputs.next(response.outputs, sequence.state);
      sequence.running = false;
      slots.touch(sequence);
      if (job.request.signal?.aborted) {
        slots.release(sequence);
        job.reject(cancelled());
        return;
      }
      const controls = { ...job.request.controls, start: false };
      sequence.queue.unshift({ ...job, request: { ...job.request, controls }, arrived: now() });
      waiting++;
    };
    const done = (): void => {
      sequence.running = false;
      slots.touch(sequence);
      if (job.request.controls.end) slots.release(sequence);
    };
    return {
      request: inputs.complete(job.request, sequence.state),
      answers: job.answers,
      arrived: job.arrived,
      ...(iterative && { again }),
      resolve(executed) {
        sequence.state = inputs.next(executed.response?.outputs ?? [], sequence.state);
        done();
        job.resolve(executed);
      },
      reject(fault) {
        done();
        job.reject(fault);
      },
    };
  }
  function expire(sequence: Sequence): void {
    if (sequence.running || (sequence.slot && sequence.queue.length > 0)) {
      slots.touch(sequence);
      return;
    }
    for (const job of sequence.queue.splice(0)) {
      waiting--;
      job.forget?.();
      job.reject(new RuntimeFault("UNAVAILABLE", "timeout of the corresponding sequence has been expired"));
    }
    slots.end(sequence);
    slots.release(sequence);
    dispatch();
  }

  return {
    schedule(given, answers) {
      if (draining) return Promise.reject(stopping());
      const request = iterative ? wholeSequence(given, lastId++) : given;
      const { correlationId: id, end } = request.controls;
      let sequence = slots.find(id);
      try {
        if (!iterative) checkSequenceRequest(config, request, sequence !== undefined);
      } catch (error) {
        return Promise.reject(error);
      }
      if (request.signal?.aborted) return Promise.reject(cancelled());
      sequence ??= slots.open(id, inputs.initial);
      const own = sequence;
      slots.touch(own);
      if (end) slots.end(own);
      const result = new Promise<Executed>((resolve, reject) => {
        const job: Job = { request, answers, arrived: now(), resolve, reject };
        own.queue.push(job);
        waiting++;
        stats.pending = waiting;
        watchAbort(job, () => {
          own.queue.splice(own.queue.indexOf(job), 1);
          waiting--;
          stats.pending = waiting;
          reject(cancelled());
          if (end && !own.running && own.queue.length === 0) slots.release(own);
          dispatch();
        });
        dispatch();
      });
      return order ? order(result) : result;
    },
    async drain() {
      draining = true;
      dispatch();
      if (waiting > 0) await new Promise<void>(resolve => drained.push(resolve));
      await instances.idle();
      clearTimeout(timer);
      slots.close();
    },
  };
}

/** An iterative sequence is one request: it has a number of its own, and no other request belongs to it. */
const wholeSequence = (request: BackendRequest, number: bigint): BackendRequest => ({
  ...request,
  controls: { ...request.controls, correlationId: number, start: true, end: true },
});

/** The job of an empty slot: nobody waits for it. */
const nobody = (request: Job["request"]): Job => ({ request, arrived: now(), resolve() {}, reject() {} });
