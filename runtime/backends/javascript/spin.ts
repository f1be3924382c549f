/**
 * Looks for work for a moment before a thread sleeps, as long as that is usually worth it: a thread that mostly looked in vain goes to sleep at once, and so
 * does one that others need the processor of.
 */
import { availableParallelism } from "node:os";

/** Where fewer looks than this succeed, sleeping is cheaper. */
const WORTHWHILE = 0.5;
/** Every so many times it is tried again. */
const RETRY = 16;
/** Looking takes microseconds: where it stood still for so long, another thread had the processor. */
const INTERRUPTED_MS = 0.5;

/**
 * A word for each thread of the process that may look at a time: the number of the one that does, or 0. One processor is left to those that send the work;
 * where there is no other, nobody looks, since the sender runs only while this thread sleeps.
 */
export const spinSeats = (): SharedArrayBuffer => new SharedArrayBuffer(4 * (availableParallelism() - 1));

/** A thread is gone, perhaps from where it sat. */
export function freeSeats(shared: SharedArrayBuffer, thread: number): void {
  const seats = new Int32Array(shared);
  for (let i = 0; i < seats.length; i++) Atomics.compareExchange(seats, i, thread, 0);
}

/**
 * @param ms how long to look
 * @param shared what `spinSeats` made
 * @param thread the number of this thread
 * @returns a function that calls `look` until it finds something; false when it has found nothing
 */
export function createSpin(ms: number, shared: SharedArrayBuffer, thread: number): (look: () => boolean) => boolean {
  const seats = new Int32Array(shared);
  const takeSeat = (): number => {
    for (let i = 0; i < seats.length; i++) if (Atomics.compareExchange(seats, i, 0, thread) === 0) return i;
    return -1;
  };
  let success = 1;
  let skipped = 0;
  return look => {
    if (success < WORTHWHILE && ++skipped < RETRY) return look();
    const seat = takeSeat();
    if (seat === -1) return look();
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
    Atomics.store(seats, seat, 0);
    success += ((found ? 1 : 0) - success) / 8;
    return found;
  };
}
