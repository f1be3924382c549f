/**
 * A request on its way through a scheduler.
 */
import type { BackendRequest, BackendResponse } from "../contract.js";
import type { Answers, Executed } from "./scheduler.js";

/** A request on its way through a scheduler. */
export interface Job {
  readonly request: BackendRequest;
  readonly answers?: Answers | undefined;
  /** Nanoseconds, on the clock of `now`. */
  readonly arrived: number;
  resolve(done: Executed): void;
  reject(fault: unknown): void;
  /** Queues the request once more; only iterative sequences have it. */
  again?(response: BackendResponse): void;
  /** Stops listening to the request's signal; a stream's requests share one. */
  forget?: () => void;
}

/** Nanoseconds since some start. */
export const now = (): number => performance.now() * 1e6;

/** Calls `onAbort` when the client gives up while the job waits; `job.forget` ends that. */
export function watchAbort(job: Job, onAbort: () => void): void {
  const { signal } = job.request;
  if (!signal) return;
  let isWatched = true;
  const forget = (): void => {
    isWatched = false;
    signal.removeEventListener("abort", left);
  };
  // A signal of two may call it twice, and a real one while it is removed.
  const left = (): void => {
    if (!isWatched) return;
    forget();
    onAbort();
  };
  signal.addEventListener("abort", left, { once: true });
  job.forget = forget;
}
