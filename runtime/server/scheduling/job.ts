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
  /** Its place in a queue. */
  place?: Place | undefined;
  /** Takes it out of a batcher's queue. */
  leave?: (() => void) | undefined;
}

/** A job's place in a queue. */
export interface Place {
  readonly queue: object;
  readonly job: Job;
  before: Place | undefined;
  after: Place | undefined;
}

/** Nanoseconds since some start. */
export const now = (): number => performance.now() * 1e6;

/** Calls `onAbort` when the client gives up while the job waits; `job.forget` ends that. */
export function watchAbort(job: Job, onAbort: () => void): void {
  const { signal } = job.request;
  if (!signal) return;
  const forget = (): void => signal.removeEventListener("abort", left);
  const left = (): void => {
    // A signal of two would call it for the other, too.
    forget();
    onAbort();
  };
  signal.addEventListener("abort", left, { once: true });
  job.forget = forget;
}
