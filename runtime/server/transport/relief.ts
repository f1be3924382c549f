/**
 * Disconnects clients that do not read, while the server's memory is used up. The largest responses that wait for a client's window or its
 * socket are first.
 */
import type { MemoryBudget } from "../../base/memory/memory-budget.js";

/** Bytes that one client leaves unread. */
export interface Unread {
  readonly bytes: number;
  /** When the client took some of them last, on the clock of `performance.now()`. */
  readonly moved: number;
  cut(): void;
}

export interface Relief {
  /** Call where bytes begin to wait. */
  check(): void;
  stop(): void;
}

/** Longer than `URGENT_MS`, so that all responses of a moment have waited long enough and the largest of them is cut. */
const LOOK_MS = 125;
/** A client that has taken nothing for this time does not read. */
const PATIENCE_MS = 1000;
/** The same, while more is charged than the limit. */
const URGENT_MS = 100;
/** Continues until less than this share of the limit is charged, or of the charge before: freed memory is not returned at once. */
const ENOUGH = 0.8;

/** @param unread what the clients of all connections leave unread */
export function createRelief(budget: MemoryBudget, unread: () => Iterable<Unread>): Relief {
  let timer: NodeJS.Timeout | undefined;
  const look = (): void => {
    timer = undefined;
    if (!budget.isSpent) return;
    const now = performance.now();
    const patience = budget.charged > budget.limit ? URGENT_MS : PATIENCE_MS;
    const enough = Math.min(budget.limit, budget.charged) * ENOUGH;
    const idle = [...unread()].filter(({ moved }) => now - moved >= patience).sort((a, b) => b.bytes - a.bytes);
    for (const one of idle) {
      if (budget.charged <= enough) break;
      one.cut();
    }
    check();
  };
  const check = (): void => {
    if (timer || !budget.isSpent) return;
    timer = setTimeout(look, LOOK_MS).unref();
  };
  const forget = budget.whenSpent(check);
  return {
    check,
    stop() {
      forget();
      clearTimeout(timer);
    },
  };
}
