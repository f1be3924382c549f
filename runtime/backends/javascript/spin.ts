/**
 * Looks for work before a thread sleeps, as long as that is usually worth it: a thread that mostly looked in vain goes to sleep at once.
 *
 * A wake-up from one processor to another is most of what a lone call costs. So while requests come one at a time, which leaves processors to spare, a model's
 * thread stays awake till the next one: the client and the server's thread take turns on another processor, and nobody is woken there.
 */
import { availableParallelism } from "node:os";

/** About what a wake-up costs both threads. */
const SHORT_MS = 0.02;
/** About what a client near by takes between an answer and its next request. */
const LONG_MS = 0.15;
/** Where fewer looks than this succeed, sleeping is cheaper. */
const WORTHWHILE = 0.5;
/** Every so many times it is tried again. */
const RETRY = 16;
/** Looking takes microseconds: where it stood still for so long, another thread had the processor. */
const INTERRUPTED_MS = 0.5;
/** Of the last few dozen requests so many must have come alone. */
const MOSTLY = 0.75;

/**
 * Who may look for long, in words that all threads share: whether anybody may, and for each seat the number of the thread that has it, or 0. There is a seat less
 * than there are processors, since whoever sends the work needs one.
 */
export interface Seats {
  readonly shared: SharedArrayBuffer;
  /** A thread is handed an execution. @param alone it has no other */
  asked(alone: boolean): void;
  /** A thread is gone, perhaps from where it sat. */
  free(thread: number): void;
}

const OPEN = 0;
const FIRST_SEAT = 1;

export function createSeats(processors = availableParallelism()): Seats {
  const shared = new SharedArrayBuffer(4 * (FIRST_SEAT + processors - 1));
  const words = new Int32Array(shared);
  let share = 0;
  return {
    shared,
    asked(alone) {
      share += ((alone ? 1 : 0) - share) / 32;
      Atomics.store(words, OPEN, share > MOSTLY ? 1 : 0);
    },
    free(thread) {
      for (let i = FIRST_SEAT; i < words.length; i++) Atomics.compareExchange(words, i, thread, 0);
    },
  };
}

/** Calls `look` until it finds something. @returns false when it has found nothing */
export type Spin = (look: () => boolean) => boolean;

/**
 * @param shared of `Seats`
 * @param thread the number of this thread
 */
export function createSpin(shared: SharedArrayBuffer, thread: number): Spin {
  const words = new Int32Array(shared);
  // Else the other thread runs only while this one sleeps.
  const useful = words.length > FIRST_SEAT;
  const takeSeat = (): number => {
    if (Atomics.load(words, OPEN) === 0) return -1;
    for (let i = FIRST_SEAT; i < words.length; i++) if (Atomics.compareExchange(words, i, 0, thread) === 0) return i;
    return -1;
  };
  const short = lookFor(SHORT_MS);
  const long = lookFor(LONG_MS);
  return look => {
    if (!useful) return look();
    const seat = takeSeat();
    if (seat === -1) return short(look);
    const found = long(look);
    Atomics.store(words, seat, 0);
    return found;
  };
}

function lookFor(ms: number): Spin {
  let success = 1;
  let skipped = 0;
  return look => {
    if (success < WORTHWHILE && ++skipped < RETRY) return look();
    skipped = 0;
    let now = performance.now();
    const until = now + ms;
    let found = look();
    while (!found && now < until) {
      for (let i = 0; i < 20 && !found; i++) found = look();
      const before = now;
      now = performance.now();
      if (now - before > INTERRUPTED_MS) success = 0;
    }
    success += ((found ? 1 : 0) - success) / 8;
    return found;
  };
}
