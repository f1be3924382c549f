/**
 * A semaphore for work in other threads, such as searches. Waiting work whose request is cancelled is dropped: the client left, or a fallback was taken. In the
 * threads' own queue it would still run, and an index that is once too slow would stay so.
 */
import type { Cancellation } from "./cancellation.js";
import { RuntimeFault } from "./errors.js";

/** @throws RuntimeFault CANCELLED if the request was cancelled while it waited */
export type Semaphore = <T>(work: () => Promise<T>, signal?: Cancellation) => Promise<T>;

/** @param most work that runs at once */
export function semaphore(most: number): Semaphore {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work, signal) => {
    if (running < most) running++;
    // Releases the slot to the next waiter.
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
