/**
 * Whether requests of this worker's clients overlap. A client that sends a request as soon as it has the last response leaves the event loop no pause. Many
 * clients leave none either, so a busy loop does not show that a request waits. A forwarded request leaves the loop free for another one. Without an overlap,
 * a few are forwarded to find out.
 */

export interface Overlap {
  begins(): void;
  ends(): void;
  /** Whether the next request may be forwarded; to be called only if it would be. */
  mayForward(): boolean;
}

/** Milliseconds that an overlap is trusted, and between two requests that are forwarded without one. */
const TRUST_MS = 100;

/** @param now milliseconds on any clock */
export function createOverlap(now: () => number = () => performance.now()): Overlap {
  let [present, seen, tried] = [0, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  return {
    begins() {
      if (++present > 1) seen = now();
    },
    ends() {
      present--;
    },
    mayForward() {
      const at = now();
      if (at - seen < TRUST_MS) return true;
      if (at - tried < TRUST_MS) return false;
      tried = at;
      return true;
    },
  };
}
