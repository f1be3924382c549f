/**
 * The sequence batcher: the requests of a sequence run one after the other in one slot of one instance. `direct` gives every sequence a row
 * of the batch; `oldest` batches the waiting requests of its candidates as the dynamic batcher does.
 *
 * A sequence ends with its END request, with its idle time (counted from its last request's arrival, whatever runs), with a request that its
 * client gives up (it and what waits behind it are cancelled when their turn comes), or, before it has a slot, with a request's time-out.
 */
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { RuntimeFault } from "../../base/errors.js";
import type { BackendRequest, BackendResponse, LoadedModel } from "../contract.js";
import type { VersionStatistics } from "../observe/statistics.js";
import { batchRules, chooseBatch } from "./choose-batch.js";
import { atOnce, inOrder } from "./in-order.js";
import { createInstances } from "./instances.js";
import { type Job, now, watchAbort } from "./job.js";
import type { InstanceGate } from "./rate-limiter.js";
import { cancelled, stopping } from "./refusals.js";
import type { Scheduler } from "./scheduler.js";
import { checkSequenceRequest, notStarted } from "./sequence-check.js";
import type { SequenceInputs, SequenceState } from "./sequence-inputs.js";
import { createSlots, type Sequence, type Waiting } from "./sequence-slots.js";
import { timerDelay } from "./timer-delay.js";

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
  const takePlace = oldest?.preserve_ordering ? inOrder() : atOnce;
  const slots = createSlots(count, width, batching.max_sequence_idle_microseconds || 1_000_000, expire, cancelRest);
  const instances = createInstances(model, count, stats, dispatch, gate);
  /** Sequences with requests that wait: few of those that have a slot. */
  const queued = new Set<Sequence>();
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
      if (!instances.isIdle(instance)) continue;
      const chosen = oldest ? chooseOldest(instance) : chooseDirect(instance);
      if (typeof chosen === "number") again = Math.min(again, chosen);
      else if (chosen.some(sequence => sequence) && instances.mayRun(instance)) run(chosen, instance);
    }
    if (Number.isFinite(again)) timer = setTimeout(dispatch, timerDelay(Math.max(1, Math.ceil(again / 1e6))));
    if (waiting === 0) for (const wake of drained.splice(0)) wake();
  }
  function isHeld(): boolean {
    if (hold.queued === 0 && hold.backlog === 0) return false;
    const backlog = [...slots.backlog].reduce((sum, { queue }) => sum + queue.filter(({ gone }) => !gone).length, 0);
    return waiting - backlog < hold.queued || backlog < hold.backlog;
  }
  function readyIn(instance: number): Sequence[] {
    const ready: Sequence[] = [];
    for (const sequence of queued)
      if (sequence.queue.length === 0) queued.delete(sequence);
      else if (sequence.slot?.instance === instance && !sequence.running) ready.push(sequence);
    return ready;
  }

  /** The rows up to the last slot that has a request; slots without one stay empty, and so do those whose rows have another shape. */
  function chooseDirect(instance: number): readonly (Sequence | undefined)[] | number {
    const ready = readyIn(instance).sort((a, b) => a.slot!.index - b.slot!.index);
    if (ready.length === 0) return [];
    const like = ready[0]!;
    const oldestArrival = ready.reduce((least, { queue }) => Math.min(least, queue[0]!.arrived), Infinity);
    const left = directDelay - (now() - oldestArrival);
    if (!draining && left > 0 && ready.length < Math.max(1, utilization * width)) return left;
    const rows = Array.from<Sequence | undefined>({ length: ready.at(-1)!.slot!.index + 1 });
    for (const sequence of ready) if (mayJoin(like, sequence)) rows[sequence.slot!.index] = sequence;
    return rows;
  }
  /** The state that the next request of a sequence gets. */
  function stateOf({ queue, state }: Sequence): SequenceState {
    return queue[0]!.request.controls.start ? inputs.initial : state;
  }
  function mayJoin(one: Sequence, other: Sequence): boolean {
    return (
      rules.mayJoin(one.queue[0]!.request, other.queue[0]!.request) && inputs.mayJoin(stateOf(one), stateOf(other))
    );
  }
  function chooseOldest(instance: number): readonly Sequence[] | number {
    const ready = new Map(readyIn(instance).map((sequence): [Job, Sequence] => [sequence.queue[0]!, sequence]));
    if (ready.size === 0) return [];
    const jobs = [...ready.keys()].sort((a, b) => a.arrived - b.arrived);
    const joining = (one: Job, other: Job): boolean => mayJoin(ready.get(one)!, ready.get(other)!);
    const batch = chooseBatch(jobs, draining ? { ...rules, delay: 0 } : rules, now(), joining);
    return typeof batch === "number" ? batch : batch.map(job => ready.get(job)!);
  }
  function run(chosen: readonly (Sequence | undefined)[], instance: number): void {
    const first = chosen.find(sequence => sequence)!;
    const [like, state] = [first.queue[0]!.request, stateOf(first)];
    const jobs = chosen.map((sequence): Job => (sequence ? take(sequence) : nobody(inputs.empty(like, state))));
    stats.pending = waiting;
    instances.run(jobs, instance);
  }
  function take(sequence: Sequence): Job {
    const job = sequence.queue.shift()!;
    const place = takePlace();
    waiting--;
    job.forget?.();
    sequence.running = true;
    if (job.request.controls.start) sequence.state = inputs.initial;
    const again = (response: BackendResponse): void => {
      place(() => {});
      sequence.state = inputs.next(response.outputs, sequence.state);
      sequence.running = false;
      if (slots.find(sequence.id) === sequence) {
        const controls = { ...job.request.controls, start: false };
        slots.touch(sequence);
        enqueue(sequence, { ...job, request: { ...job.request, controls }, arrived: now() });
      } else job.reject(notStarted(config, sequence.id));
      settle(sequence);
    };
    const done = (): void => {
      sequence.running = false;
      if (iterative) slots.end(sequence);
      settle(sequence);
    };
    return {
      request: inputs.complete(job.request, sequence.state),
      answers: job.answers,
      arrived: job.arrived,
      ...(iterative && { again }),
      resolve(executed) {
        sequence.state = inputs.next(executed.response?.outputs ?? [], sequence.state);
        done();
        place(() => job.resolve(executed));
      },
      reject(fault) {
        done();
        place(() => job.reject(fault));
      },
    };
  }
  function enqueue(sequence: Sequence, job: Waiting): void {
    sequence.queue.push(job);
    queued.add(sequence);
    waiting++;
    stats.pending = waiting;
    watchAbort(job, () => {
      job.gone = true;
      waiting--;
      stats.pending = waiting;
      job.reject(cancelled());
      settle(sequence);
      dispatch();
    });
    if (job.request.signal?.aborted && !job.gone) leave(job, cancelled());
  }
  /** What is left to do for a sequence between two executions. */
  function settle(sequence: Sequence): void {
    if (sequence.running) return;
    if (sequence.slot ? sequence.queue[0]?.gone : sequence.queue.every(({ gone }) => gone)) cancelRest(sequence);
    if (sequence.ended && sequence.queue.length === 0) slots.release(sequence);
  }
  function cancelRest(sequence: Sequence): void {
    refuseRest(sequence, cancelled());
  }
  function refuseRest(sequence: Sequence, fault: RuntimeFault): void {
    for (const job of sequence.queue.splice(0)) leave(job, fault);
    slots.end(sequence);
  }
  function leave(job: Waiting, fault: RuntimeFault): void {
    if (job.gone) return;
    job.gone = true;
    job.forget?.();
    waiting--;
    stats.pending = waiting;
    job.reject(fault);
  }
  function expire(sequence: Sequence): void {
    if (sequence.ended) return;
    slots.end(sequence);
    settle(sequence);
    dispatch();
  }
  /** A sequence waits for a slot no longer than the most impatient of its requests. */
  function limitWait(sequence: Sequence, microseconds: bigint): void {
    if (sequence.slot || microseconds === 0n) return;
    const at = now() + Number(microseconds) * 1000;
    if (sequence.deadline && sequence.deadlineAt! <= at) return;
    clearTimeout(sequence.deadline);
    sequence.deadlineAt = at;
    sequence.deadline = setTimeout(
      () => {
        refuseRest(sequence, new RuntimeFault("UNAVAILABLE", "timeout of the corresponding sequence has been expired"));
        slots.release(sequence);
        dispatch();
      },
      timerDelay(Math.ceil(Number(microseconds) / 1000)),
    );
    sequence.deadline.unref();
  }

  return {
    schedule(given, answers) {
      const request = iterative && !inSequence(given) ? wholeSequence(given, lastId++) : given;
      const { correlationId: id, start, end, timeout } = request.controls;
      const known = slots.find(id);
      try {
        checkSequenceRequest(config, request, known !== undefined);
      } catch (error) {
        return Promise.reject(error);
      }
      // A sequence that has begun may go on.
      if (draining && start) return Promise.reject(stopping());
      if (request.signal?.aborted) return Promise.reject(cancelled());
      const own = known ?? slots.open(id, inputs.initial);
      slots.touch(own);
      if (end) slots.end(own);
      return new Promise((resolve, reject) => {
        enqueue(own, { request, answers, arrived: now(), resolve, reject });
        limitWait(own, timeout);
        dispatch();
      });
    },
    openSequences: () => slots.size,
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

const inSequence = ({ controls }: BackendRequest): boolean =>
  controls.correlationId !== 0n && controls.correlationId !== "";

/** A request that begins an iterative sequence without an id gets one. */
const wholeSequence = (request: BackendRequest, number: bigint): BackendRequest => ({
  ...request,
  controls: { ...request.controls, correlationId: number, start: true },
});

/** The job of an empty slot: nobody waits for it. */
const nobody = (request: Job["request"]): Job => ({ request, arrived: now(), resolve() {}, reject() {} });
