/**
 * Measured costs of native calls → whether the next one may run synchronously. The event loop runs a short call synchronously, because
 * another thread or its own next turn costs 0.05 ms, and several times that under load. A long call would block every other request.
 */
import { isAlone } from "./in-flight.js";

const QUICK_MICROS = 500;
/**
 * The bound while no other request can be blocked. On a busy machine a thread that was woken waits for a CPU: that was most of a search's
 * p99.
 */
const ALONE_MICROS = 2000;
/** From here on a call is not made on the event loop again and again, whatever a thread costs. */
const LONG_MICROS = 10_000;
/** Cold caches don't explain a call above this. */
const ENDLESS_MICROS = 1_000_000;
/** Calls of no more things than this are short, until one was not. */
const FEW = 4096;

export interface CallCosts {
  /** Whether the event loop may wait for it. @param size calls of one size cost alike @param count of things that the call answers */
  isQuick(size: number, count: number): boolean;
  /** Whether the last two calls of this size were long, so that the next one should not run on the event loop. */
  isLong(size: number, count: number): boolean;
  /** Whether the last call of this size took more than a second. */
  isEndless(size: number, count: number): boolean;
  /**
   * Whether a call of a size that was never seen may be long. Its cost may grow with the third power of the count, as that of a product of
   * matrices does. @param size the logarithm to base 2 of the count
   */
  mayBeLong(size: number, count: number): boolean;
  /** @param micros of the call as a whole */
  learn(size: number, count: number, micros: number): void;
}

/**
 * A cost rises at once and falls slowly: the event loop must not wait for more. Two calls on end have to be slow, since one may have had cold caches.
 * A size that was never seen is not quick.
 */
export function callCosts(): CallCosts {
  /** Microseconds of one thing. */
  const costs = new Map<number, { kept: number; last: number; sure: number }>();
  return {
    isQuick: (size, count) => {
      const cost = costs.get(size);
      return cost !== undefined && cost.kept * count < (isAlone() ? ALONE_MICROS : QUICK_MICROS);
    },
    isLong: (size, count) => (costs.get(size)?.sure ?? 0) * count > LONG_MICROS,
    isEndless: (size, count) => (costs.get(size)?.last ?? 0) * count > ENDLESS_MICROS,
    mayBeLong(size, count) {
      if (count <= FEW || costs.has(size)) return false;
      const known = [...costs.keys()].sort((a, b) => Math.abs(a - size) - Math.abs(b - size))[0];
      return known === undefined || costs.get(known)!.kept * count * 4 ** Math.max(0, size - known) > LONG_MICROS;
    },
    learn(size, count, micros) {
      const now = micros / count;
      const cost = costs.get(size);
      if (!cost) {
        costs.set(size, { kept: now, last: now, sure: 0 });
        return;
      }
      cost.sure = Math.min(now, cost.last);
      cost.kept = Math.max(cost.sure, 0.95 * cost.kept + 0.05 * cost.sure);
      cost.last = now;
    },
  };
}
