/**
 * The sequence batcher: the requests of a sequence run one after the other in one slot of one instance. `direct` gives every sequence a row
 * of the batch; `oldest` batches the waiting requests of its candidates as the dynamic batcher does.
 *
 * A sequence ends with its END request or with its idle time, counted from its last request's arrival. It also ends with a request that its
 * client cancels (it and those behind it are cancelled in their turn). Before it has a slot, it ends with a request's time-out.
 */
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { type RuntimeFault, unavailable } from "../../base/errors.js";
import type { BackendRequest, BackendResponse, LoadedModel } from "../contract.js";
import type { VersionStatistics } from "../observe/statistics.js";
import { type ChooseSequences, chooseSequences, nextState } from "./choose-sequences.js";
import { atOnce, inOrder, type Place } from "./in-order.js";
import { createInstances, type Instances } from "./instances.js";
import { type Job, now, watchAbort } from "./job.js";
import type { InstanceGate } from "./rate-limiter.js";
import { cancelled, stopping } from "./refusals.js";
import type { Answers, Executed, Scheduler } from "./scheduler.js";
import { checkSequenceRequest, notStarted } from "./sequence-check.js";
import type { SequenceInputs } from "./sequence-inputs.js";
import { advance, hasEnded, isRunning } from "./sequence-phase.js";
import { createSlots, type Sequence, type Slots, type Waiting } from "./sequence-slots.js";
import { timerDelay } from "./timer-delay.js";

/** Requests to wait for before anything runs; hooks for tests, Triton's environment variables of the same purpose. */
export interface Held {
  readonly queued: number;
  readonly backlog: number;
}

export function sequenceScheduler(...parts: ConstructorParameters<typeof SequenceScheduler>): Scheduler {
  const made = new SequenceScheduler(...parts);
  return {
    schedule: (request, answers) => made.schedule(request, answers),
    openSequences: () => made.openSequences(),
    drain: () => made.drain(),
  };
}

class SequenceScheduler implements Scheduler {
  readonly #config: ModelConfig;
  readonly #stats: VersionStatistics;
  readonly #inputs: SequenceInputs;
  readonly #count: number;
  readonly #isIterative: boolean;
  readonly #choose: ChooseSequences;
  readonly #takePlace: () => Place;
  readonly #slots: Slots;
  readonly #instances: Instances;
  /** Sequences with requests that wait: few of those that have a slot. */
  readonly #queued = new Set<Sequence>();
  readonly #drained: (() => void)[] = [];
  #lastId = 1n;
  #isDraining = false;
  #waiting = 0;
  #held: Held;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    config: ModelConfig,
    model: LoadedModel,
    count: number,
    stats: VersionStatistics,
    inputs: SequenceInputs,
    held: Held,
    gate?: InstanceGate,
  ) {
    const { oldest, iterative_sequence, max_sequence_idle_microseconds: idle } = config.sequence_batching!;
    const width = Math.max(1, oldest ? oldest.max_candidate_sequences : config.max_batch_size);
    this.#config = config;
    this.#stats = stats;
    this.#inputs = inputs;
    this.#count = count;
    this.#held = held;
    this.#isIterative = iterative_sequence;
    this.#choose = chooseSequences(config, inputs, width);
    this.#takePlace = oldest?.preserve_ordering ? inOrder() : atOnce;
    const onIdle = (sequence: Sequence): void => this.#expire(sequence);
    const onGone = (sequence: Sequence): void => this.#refuseAll(sequence, cancelled());
    this.#slots = createSlots(count, width, idle || 1_000_000, onIdle, onGone);
    this.#instances = createInstances(model, count, stats, () => this.#dispatch(), gate);
  }

  schedule(given: BackendRequest, answers?: Answers): Promise<Executed> {
    const request = this.#isIterative && !inSequence(given) ? wholeSequence(given, this.#lastId++) : given;
    const { correlationId: id, start, end, timeout } = request.controls;
    const known = this.#slots.find(id);
    try {
      checkSequenceRequest(this.#config, request, known !== undefined);
    } catch (error) {
      return Promise.reject(error);
    }
    // A sequence that has begun may go on.
    if (this.#isDraining && start) return Promise.reject(stopping());
    if (request.signal?.aborted) return Promise.reject(cancelled());
    const own = known ?? this.#slots.open(id, this.#inputs.initial);
    this.#slots.touch(own);
    if (end) this.#slots.end(own);
    return new Promise((resolve, reject) => {
      this.#enqueue(own, { request, answers, arrived: now(), resolve, reject });
      this.#limitWait(own, timeout);
      this.#dispatch();
    });
  }

  openSequences(): number {
    return this.#slots.size;
  }

  async drain(): Promise<void> {
    this.#isDraining = true;
    this.#dispatch();
    if (this.#waiting > 0) await new Promise<void>(resolve => this.#drained.push(resolve));
    await this.#instances.idle();
    clearTimeout(this.#timer);
    this.#slots.close();
  }

  /** Gives each idle instance a batch, or sets the timer for when there will be one. */
  #dispatch(): void {
    if (!this.#isDraining && this.#isHeld()) return;
    this.#held = NOT_HELD;
    clearTimeout(this.#timer);
    let again = Number.POSITIVE_INFINITY;
    for (let instance = 0; instance < this.#count; instance++) {
      if (!this.#instances.isIdle(instance)) continue;
      const chosen = this.#choose(this.#readyIn(instance), now(), this.#isDraining);
      if (typeof chosen === "number") again = Math.min(again, chosen);
      else if (chosen.some(sequence => sequence) && this.#instances.mayRun(instance)) this.#run(chosen, instance);
    }
    if (Number.isFinite(again))
      this.#timer = setTimeout(() => this.#dispatch(), timerDelay(Math.max(1, Math.ceil(again / 1e6))));
    if (this.#waiting === 0) for (const wake of this.#drained.splice(0)) wake();
  }

  #isHeld(): boolean {
    const { queued, backlog: wanted } = this.#held;
    if (queued === 0 && wanted === 0) return false;
    let backlog = 0;
    for (const { queue } of this.#slots.backlog) backlog += queue.filter(({ gone }) => !gone).length;
    return this.#waiting - backlog < queued || backlog < wanted;
  }

  #readyIn(instance: number): Sequence[] {
    const ready: Sequence[] = [];
    for (const sequence of this.#queued)
      if (sequence.queue.length === 0) this.#queued.delete(sequence);
      else if (sequence.slot?.instance === instance && !isRunning(sequence)) ready.push(sequence);
    return ready;
  }

  #run(chosen: readonly (Sequence | undefined)[], instance: number): void {
    const first = chosen.find(sequence => sequence)!;
    const [like, state] = [first.queue[0]!.request, nextState(first, this.#inputs)];
    const jobs = chosen.map(
      (sequence): Job => (sequence ? this.#take(sequence) : nobody(this.#inputs.empty(like, state))),
    );
    this.#stats.pending = this.#waiting;
    this.#instances.run(jobs, instance);
  }

  /** The job of a sequence's next request, which from here on runs. */
  #take(sequence: Sequence): Job {
    const job = sequence.queue.shift()!;
    const place = this.#takePlace();
    const { instance } = sequence.slot!;
    this.#waiting--;
    job.forget?.();
    advance(sequence, "run");
    if (job.request.controls.start) sequence.state = this.#inputs.initial;
    return {
      request: this.#inputs.complete(job.request, sequence.state),
      answers: job.answers,
      arrived: job.arrived,
      ...(this.#isIterative && {
        again: (response: BackendResponse) => {
          place(() => {});
          this.#runAgain(sequence, job, response);
          this.#answered(instance);
        },
      }),
      resolve: executed => {
        sequence.state = this.#inputs.next(executed.response?.outputs ?? [], sequence.state);
        this.#done(sequence);
        place(() => job.resolve(executed));
        this.#answered(instance);
      },
      reject: fault => {
        this.#done(sequence);
        place(() => job.reject(fault));
        this.#answered(instance);
      },
    };
  }

  #done(sequence: Sequence): void {
    advance(sequence, "done");
    if (this.#isIterative) this.#slots.end(sequence);
    this.#settle(sequence);
  }

  /** The instance of a decoupled model may be idle before its answers are complete: requests that wait for them run then. */
  #answered(instance: number): void {
    if (this.#instances.isIdle(instance)) queueMicrotask(() => this.#dispatch());
  }

  /** The request of an iterative sequence runs once more, with the state of its last execution. */
  #runAgain(sequence: Sequence, job: Waiting, response: BackendResponse): void {
    sequence.state = this.#inputs.next(response.outputs, sequence.state);
    advance(sequence, "done");
    if (this.#slots.find(sequence.id) === sequence) {
      const controls = { ...job.request.controls, start: false };
      this.#slots.touch(sequence);
      this.#enqueue(sequence, { ...job, request: { ...job.request, controls }, arrived: now() });
    } else job.reject(notStarted(this.#config, sequence.id));
    this.#settle(sequence);
  }

  #enqueue(sequence: Sequence, job: Waiting): void {
    sequence.queue.push(job);
    this.#queued.add(sequence);
    this.#setWaiting(this.#waiting + 1);
    watchAbort(job, () => {
      job.gone = true;
      this.#setWaiting(this.#waiting - 1);
      job.reject(cancelled());
      this.#settle(sequence);
      this.#dispatch();
    });
    if (job.request.signal?.aborted && !job.gone) this.#refuse(job, cancelled());
  }

  #setWaiting(count: number): void {
    this.#waiting = count;
    this.#stats.pending = count;
  }

  /** Between two executions of a sequence: ends it if its client has given up, and frees its slot if nothing is left. */
  #settle(sequence: Sequence): void {
    if (isRunning(sequence)) return;
    const { slot, queue } = sequence;
    if (slot ? queue[0]?.gone : queue.every(({ gone }) => gone)) this.#refuseAll(sequence, cancelled());
    if (hasEnded(sequence) && queue.length === 0) this.#slots.release(sequence);
  }

  #refuseAll(sequence: Sequence, fault: RuntimeFault): void {
    for (const job of sequence.queue.splice(0)) this.#refuse(job, fault);
    this.#slots.end(sequence);
  }

  #refuse(job: Waiting, fault: RuntimeFault): void {
    if (job.gone) return;
    job.gone = true;
    job.forget?.();
    this.#setWaiting(this.#waiting - 1);
    job.reject(fault);
  }

  #expire(sequence: Sequence): void {
    if (hasEnded(sequence)) return;
    this.#slots.end(sequence);
    this.#settle(sequence);
    this.#dispatch();
  }

  /** A sequence waits for a slot no longer than the most impatient of its requests. */
  #limitWait(sequence: Sequence, microseconds: bigint): void {
    if (sequence.slot || microseconds === 0n) return;
    const at = now() + Number(microseconds) * 1000;
    if (sequence.deadline && sequence.deadlineAt! <= at) return;
    clearTimeout(sequence.deadline);
    sequence.deadlineAt = at;
    sequence.deadline = setTimeout(
      () => {
        this.#refuseAll(sequence, waitedTooLong());
        this.#slots.release(sequence);
        this.#dispatch();
      },
      timerDelay(Math.ceil(Number(microseconds) / 1000)),
    );
    sequence.deadline.unref();
  }
}

const NOT_HELD: Held = { queued: 0, backlog: 0 };

const waitedTooLong = (): RuntimeFault => unavailable("timeout of the corresponding sequence has been expired");

const inSequence = ({ controls }: BackendRequest): boolean =>
  controls.correlationId !== 0n && controls.correlationId !== "";

/** A request that begins an iterative sequence without an id gets one. */
const wholeSequence = (request: BackendRequest, number: bigint): BackendRequest => ({
  ...request,
  controls: { ...request.controls, correlationId: number, start: true },
});

/** The job of an empty slot, without a caller. */
const nobody = (request: Job["request"]): Job => ({ request, arrived: now(), resolve() {}, reject() {} });
