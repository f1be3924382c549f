/**
 * `max_inflight_requests`: how many requests a step of an ensemble may have in flight, of all the ensemble's requests together, as in Triton since 26.04.
 */
import type { Cancellation } from "../../../base/cancellation.js";

export interface StepSlots {
  /** Calls `start` when a slot is free, in the order of the calls; at once if the request is or becomes cancelled. Each start needs one `release`. */
  take(start: () => void, signal?: Cancellation): void;
  release(): void;
}

/** @param limit at least 1 */
export function stepSlots(limit: number): StepSlots {
  let taken = 0;
  let draining = false;
  const waiting = new Set<() => void>();
  const begin = (start: () => void): void => {
    taken++;
    start();
  };
  return {
    take(start, signal) {
      if (taken < limit || signal?.aborted) {
        begin(start);
        return;
      }
      const leave = (): void => {
        // Signals may call a listener twice.
        if (waiting.delete(next)) begin(start);
      };
      const next = (): void => {
        signal?.removeEventListener("abort", leave);
        begin(start);
      };
      waiting.add(next);
      signal?.addEventListener("abort", leave, { once: true });
    },
    release() {
      taken--;
      // A start may release at once, if its request failed meanwhile: a loop, since thousands of them would overflow the stack.
      if (draining) return;
      draining = true;
      try {
        for (const next of waiting) {
          if (taken >= limit) break;
          waiting.delete(next);
          next();
        }
      } finally {
        draining = false;
      }
    },
  };
}
