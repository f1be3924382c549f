/**
 * Which sequences of an instance run their next request: those that can → a batch, or how long to wait for more.
 */
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { batchRules, chooseBatch } from "./choose-batch.js";
import type { Job } from "./job.js";
import type { SequenceInputs, SequenceState } from "./sequence-inputs.js";
import type { Sequence } from "./sequence-slots.js";

/**
 * @param ready sequences with a slot of the instance and a request that waits, none of them running
 * @param now nanoseconds, on the clock of the jobs
 * @param isDraining whether no further request is to be waited for
 * @returns the rows of a batch, or the nanoseconds until the choice is to be made again
 */
export type ChooseSequences = (
  ready: Sequence[],
  now: number,
  isDraining: boolean,
) => readonly (Sequence | undefined)[] | number;

/** The state that the next request of a sequence gets. */
export const nextState = ({ queue, state }: Sequence, { initial }: SequenceInputs): SequenceState =>
  queue[0]!.request.controls.start ? initial : state;

/** @param width slots of an instance */
export function chooseSequences(config: ModelConfig, inputs: SequenceInputs, width: number): ChooseSequences {
  const { direct, oldest } = config.sequence_batching!;
  const rules = batchRules(config, oldest?.preferred_batch_size ?? [], oldest?.max_queue_delay_microseconds ?? 0);
  const mayJoin = (one: Sequence, other: Sequence): boolean =>
    rules.mayJoin(one.queue[0]!.request, other.queue[0]!.request) &&
    inputs.mayJoin(nextState(one, inputs), nextState(other, inputs));
  if (oldest) return oldestFirst(rules, mayJoin);
  const delay = (direct?.max_queue_delay_microseconds ?? 0) * 1000;
  return bySlot(delay, Math.max(1, (direct?.minimum_slot_utilization ?? 0) * width), mayJoin);
}

type MayJoin = (one: Sequence, other: Sequence) => boolean;

/**
 * `direct`: the rows up to the last slot that has a request. Slots without one stay empty, and so do those whose rows have another shape.
 * @param delay nanoseconds that a request may wait for others @param enough sequences for which it does not wait
 */
const bySlot =
  (delay: number, enough: number, mayJoin: MayJoin): ChooseSequences =>
  (ready, now, isDraining) => {
    if (ready.length === 0) return [];
    ready.sort((a, b) => a.slot!.index - b.slot!.index);
    const first = ready[0]!;
    const oldestArrival = ready.reduce((least, { queue }) => Math.min(least, queue[0]!.arrived), Infinity);
    const left = delay - (now - oldestArrival);
    if (!isDraining && left > 0 && ready.length < enough) return left;
    const rows = Array.from<Sequence | undefined>({ length: ready.at(-1)!.slot!.index + 1 });
    for (const sequence of ready) if (mayJoin(first, sequence)) rows[sequence.slot!.index] = sequence;
    return rows;
  };

/** `oldest`: a batch of the dynamic batcher's, of the next request of each. */
const oldestFirst =
  (rules: ReturnType<typeof batchRules>, mayJoin: MayJoin): ChooseSequences =>
  (ready, now, isDraining) => {
    if (ready.length === 0) return [];
    const byJob = new Map(ready.map((sequence): [Job, Sequence] => [sequence.queue[0]!, sequence]));
    const jobs = [...byJob.keys()].sort((a, b) => a.arrived - b.arrived);
    const joining = (one: Job, other: Job): boolean => mayJoin(byJob.get(one)!, byJob.get(other)!);
    const batch = chooseBatch(jobs, isDraining ? { ...rules, delay: 0 } : rules, now, joining);
    return typeof batch === "number" ? batch : batch.map(job => byJob.get(job)!);
  };
