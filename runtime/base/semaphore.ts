/**
 * Work that runs in other threads, such as searches, so many at once; the others wait here, and those that nobody wants any more when their turn comes are dropped: a
 * request that fell back on another branch, or whose client left. In the queue of the threads themselves each of them would be searched for, and an
 * index that is once too slow would stay so.
 */
import type { Cancellation } from "./cancellation.js";
import { RuntimeFault } from "./errors.js";

/** @throws RuntimeFault CANCELLED where the turn came too late */
export type InTurns = <T>(work: () => Promise<T>, signal?: Cancellation) => Promise<T>;

/** @param most that run at once */
export function inTurns(most: number): InTurns {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work, signal) => {
    if (running < most) running++;
    // Whoever ends hands its place on.
    else await new Promise<void>(resolve => waiting.push(resolve));
    try {
      if (signal?.aborted) throw new RuntimeFault("CANCELLED", "the request was cancelled");
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}
