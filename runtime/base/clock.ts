/**
 * Time as mocks, faults and ages of features see it: the machine's, or one that a test moves.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Cancellation } from "./cancellation.js";

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Resolves after that delay, or as soon as the client disconnects. */
  sleep(milliseconds: number, signal?: Cancellation): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(milliseconds, signal) {
    if (milliseconds <= 0 || signal?.aborted) return;
    if (!signal) return pause(milliseconds);
    const ended = new AbortController();
    const onAbort = (): void => ended.abort();
    signal.addEventListener("abort", onAbort, { once: true });
    await pause(milliseconds, undefined, { signal: ended.signal }).catch(() => {});
    signal.removeEventListener("abort", onAbort);
  },
};

/**
 * Milliseconds of a clock that only advances, also while the machine's clock is set: for pauses and limits. The processes of a machine have the
 * same. A clock of a test is its own.
 */
export const steadyNow = (clock: Clock = systemClock): number =>
  clock === systemClock ? Number(process.hrtime.bigint()) / 1e6 : clock.now();
