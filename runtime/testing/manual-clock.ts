/**
 * A clock that moves only when a test moves it: delays of mocks and faults, and the ages of features, follow it.
 */
import type { Cancellation } from "../base/cancellation.js";
import type { Clock } from "../base/clock.js";

export interface ManualClock extends Clock {
  /** Moves time forward; who sleeps until then wakes, in the order of waking. */
  advance(milliseconds: number): Promise<void>;
}

interface Sleeper {
  readonly until: number;
  readonly wake: () => void;
}

/** @param start milliseconds since 1970, or a date */
export function createManualClock(start: number | Date = 0): ManualClock {
  let now = Number(start);
  const sleepers = new Set<Sleeper>();
  const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve));
  return {
    now: () => now,
    sleep(milliseconds, signal?: Cancellation) {
      if (milliseconds <= 0 || signal?.aborted) return Promise.resolve();
      return new Promise(resolve => {
        const wake = (): void => {
          sleepers.delete(sleeper);
          signal?.removeEventListener("abort", wake);
          resolve();
        };
        const sleeper: Sleeper = { until: now + milliseconds, wake };
        sleepers.add(sleeper);
        signal?.addEventListener("abort", wake, { once: true });
      });
    },
    async advance(milliseconds) {
      const end = now + milliseconds;
      for (;;) {
        await turn();
        const [next] = [...sleepers].filter(({ until }) => until <= end).sort((a, b) => a.until - b.until);
        if (!next) break;
        now = next.until;
        next.wake();
      }
      now = end;
    },
  };
}
