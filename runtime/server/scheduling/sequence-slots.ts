/**
 * Sequences and the slots they run in: who has a slot, who waits for one, who has been silent too long.
 */
import type { Job } from "./job.js";
import type { SequenceState } from "./sequence-inputs.js";
import { advance, hasEnded, type Phase } from "./sequence-phase.js";
import { timerDelay } from "./timer-delay.js";

/** A request of a sequence that waits. */
export interface Waiting extends Job {
  /** Its client has cancelled; it keeps its position until the sequence reaches it, and ends the sequence there. */
  gone?: boolean;
}

export interface Sequence {
  readonly id: bigint | string;
  /** Requests that wait, in order. */
  readonly queue: Waiting[];
  slot?: Slot;
  state: SequenceState;
  phase: Phase;
  /** Until it is idle. */
  timer?: NodeJS.Timeout;
  /** Until it has waited for a slot as long as one of its requests may. */
  deadline?: NodeJS.Timeout;
  /** When that is, in nanoseconds. */
  deadlineAt?: number;
  /** It was idle for too long while it waited for a slot; it ends soon after it gets one. */
  overdue?: boolean;
}

export interface Slot {
  readonly instance: number;
  readonly index: number;
  /** Its place in the order in which slots are given. */
  readonly place: number;
  sequence?: Sequence;
}

export interface Slots {
  /** Sequences without a slot. */
  readonly backlog: Set<Sequence>;
  /** Sequences that have not ended. */
  readonly size: number;
  find(id: bigint | string): Sequence | undefined;
  open(id: bigint | string, state: SequenceState): Sequence;
  /** Its id may be used again; the slot is kept until the last request has run. */
  end(sequence: Sequence): void;
  /** Frees the slot for the next in the backlog that no client has given up. */
  release(sequence: Sequence): void;
  /** Starts the sequence's idle time anew. */
  touch(sequence: Sequence): void;
  close(): void;
}

/** How soon a sequence that was idle for too long without a slot ends after it got one, in milliseconds. */
const OVERDUE_MS = 50;

/** The slots of all instances in the order in which they are given; made when the first sequence needs them, since configurations allow 2^31. */
class SlotRow {
  readonly #instances: number;
  readonly #most: number;
  readonly #made: Slot[] = [];
  /** Slots before this place are taken. */
  #lowest = 0;

  constructor(instances: number, perInstance: number) {
    this.#instances = instances;
    this.#most = instances * perInstance;
  }

  /** The first free one; undefined if all are taken. */
  findFree(): Slot | undefined {
    const made = this.#made;
    while (this.#lowest < made.length && made[this.#lowest]!.sequence) this.#lowest++;
    const place = this.#lowest;
    if (place === made.length && place < this.#most)
      made.push({ instance: place % this.#instances, index: Math.floor(place / this.#instances), place });
    return made[place];
  }

  free(slot: Slot): void {
    this.#lowest = Math.min(this.#lowest, slot.place);
    delete slot.sequence;
  }
}

/**
 * @param perInstance slots of each instance
 * @param onIdle called when a sequence that has a slot has been idle too long
 * @param onGone called instead of giving a slot to a sequence one of whose requests was given up
 */
export function createSlots(
  instances: number,
  perInstance: number,
  idleMicroseconds: number,
  onIdle: (sequence: Sequence) => void,
  onGone: (sequence: Sequence) => void,
): Slots {
  const slots = new SlotRow(instances, perInstance);
  const open = new Map<bigint | string, Sequence>();
  const backlog = new Set<Sequence>();
  const seat = (sequence: Sequence): void => {
    const free = slots.findFree();
    if (!free) {
      backlog.add(sequence);
      return;
    }
    backlog.delete(sequence);
    clearTimeout(sequence.deadline);
    free.sequence = sequence;
    sequence.slot = free;
    advance(sequence, "seat");
    if (sequence.overdue) touch(sequence, OVERDUE_MS);
  };
  const touch = (sequence: Sequence, milliseconds: number): void => {
    clearTimeout(sequence.timer);
    sequence.overdue = false;
    sequence.timer = setTimeout(() => {
      if (sequence.slot || hasEnded(sequence)) onIdle(sequence);
      else sequence.overdue = true;
    }, timerDelay(milliseconds));
    sequence.timer.unref();
  };
  return {
    backlog,
    get size() {
      return open.size;
    },
    find: id => open.get(id),
    open(id, state) {
      const sequence: Sequence = { id, queue: [], state, phase: "waiting" };
      open.set(id, sequence);
      seat(sequence);
      return sequence;
    },
    end(sequence) {
      advance(sequence, "end");
      if (open.get(sequence.id) === sequence) open.delete(sequence.id);
    },
    release(sequence) {
      clearTimeout(sequence.timer);
      clearTimeout(sequence.deadline);
      backlog.delete(sequence);
      advance(sequence, "release");
      if (!sequence.slot) return;
      slots.free(sequence.slot);
      delete sequence.slot;
      for (const next of backlog) {
        if (!next.queue.some(({ gone }) => gone)) {
          seat(next);
          return;
        }
        backlog.delete(next);
        onGone(next);
      }
    },
    touch: sequence => touch(sequence, idleMicroseconds / 1000),
    close() {
      for (const { timer, deadline } of [...open.values(), ...backlog]) {
        clearTimeout(timer);
        clearTimeout(deadline);
      }
    },
  };
}
