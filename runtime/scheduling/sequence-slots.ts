/**
 * Sequences and the slots they run in: who has a slot, who waits for one, who has been silent too long.
 */
import type { Job } from "./instances.js";
import type { SequenceState } from "./sequence-inputs.js";

export interface Sequence {
  readonly id: bigint | string;
  /** Requests that wait, in order. */
  readonly queue: Job[];
  slot?: Slot;
  state: SequenceState;
  /** A request of it is being executed. */
  running: boolean;
  /** Its last request has arrived. */
  ended: boolean;
  timer?: NodeJS.Timeout;
}

export interface Slot {
  readonly instance: number;
  readonly index: number;
  sequence?: Sequence;
}

export interface Slots {
  readonly all: readonly Slot[];
  /** Sequences without a slot. */
  readonly backlog: Set<Sequence>;
  find(id: bigint | string): Sequence | undefined;
  open(id: bigint | string, state: SequenceState): Sequence;
  /** Its id may be used again; the slot is kept until the last request has run. */
  end(sequence: Sequence): void;
  /** Frees the slot for the next in the backlog. */
  release(sequence: Sequence): void;
  /** Starts the sequence's idle time anew. */
  touch(sequence: Sequence): void;
  close(): void;
}

/**
 * @param perInstance slots of each instance
 * @param onIdle called when a sequence has been silent too long
 */
export function createSlots(
  instances: number,
  perInstance: number,
  idleMicroseconds: number,
  onIdle: (sequence: Sequence) => void,
): Slots {
  const all: Slot[] = [];
  for (let index = 0; index < perInstance; index++)
    for (let instance = 0; instance < instances; instance++) all.push({ instance, index });
  const open = new Map<bigint | string, Sequence>();
  const backlog = new Set<Sequence>();
  const seat = (sequence: Sequence): void => {
    const free = all.find(slot => !slot.sequence);
    if (!free) {
      backlog.add(sequence);
      return;
    }
    backlog.delete(sequence);
    free.sequence = sequence;
    sequence.slot = free;
  };
  return {
    all,
    backlog,
    find: id => open.get(id),
    open(id, state) {
      const sequence: Sequence = { id, queue: [], state, running: false, ended: false };
      open.set(id, sequence);
      seat(sequence);
      return sequence;
    },
    end(sequence) {
      sequence.ended = true;
      if (open.get(sequence.id) === sequence) open.delete(sequence.id);
    },
    release(sequence) {
      clearTimeout(sequence.timer);
      backlog.delete(sequence);
      if (sequence.slot) delete sequence.slot.sequence;
      delete sequence.slot;
      const [next] = backlog;
      if (next) seat(next);
    },
    touch(sequence) {
      clearTimeout(sequence.timer);
      sequence.timer = setTimeout(() => onIdle(sequence), idleMicroseconds / 1000);
      sequence.timer.unref();
    },
    close() {
      for (const sequence of [...open.values(), ...backlog]) clearTimeout(sequence.timer);
    },
  };
}
