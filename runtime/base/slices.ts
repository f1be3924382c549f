/**
 * Long work in short slices. The event loop turns between them, however many requests have such work, and the work of a disconnected client
 * ends.
 */
import type { Cancellation } from "./cancellation.js";
import { RuntimeFault } from "./errors.js";
import { endTurn } from "./turn-end.js";

/** Work that can pause: it yields after each fraction of a millisecond, and returns its result. */
export type Sliced<T> = Generator<void, T, void>;

/** Milliseconds of work in one turn of the event loop, of all requests together. Short requests wait until it ends. */
const SLICE_MS = 0.5;

interface Job {
  readonly work: Sliced<unknown>;
  readonly signal: Cancellation | undefined;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

let waiting: Job[] = [];
let isScheduled = false;

/** Runs work to its end without a pause. */
export function atOnce<T>(work: Sliced<T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

/** Whether work is left to be done. */
export const isSliced = <T extends object>(result: T | Sliced<T>): result is Sliced<T> =>
  typeof (result as Partial<Sliced<T>>).next === "function";

/** The result, without a pause where there is work left. */
export const completed = <T extends object>(result: T | Sliced<T>): T => (isSliced(result) ? atOnce(result) : result);

/** Bytes that take so little time that a pause would cost more. */
export const SHORT = 2 ** 15;

/** Runs work at once if it is on few bytes, in slices otherwise. */
export const slicedIfLong = <T>(bytes: number, work: Sliced<T>, signal?: Cancellation): T | Promise<T> =>
  bytes <= SHORT ? atOnce(work) : inSlices(work, signal);

/** Runs work in slices, in turns with that of other requests. @throws RuntimeFault CANCELLED when the client leaves */
export function inSlices<T>(work: Sliced<T>, signal?: Cancellation): Promise<T> {
  return new Promise((resolve, reject) => {
    waiting.push({ work, signal, resolve: resolve as Job["resolve"], reject });
    schedule();
  });
}

function schedule(): void {
  if (isScheduled) return;
  isScheduled = true;
  setImmediate(runSlice);
}

function runSlice(): void {
  // Short requests of this turn are first: what continues with its end, then the writes that this leaves for the next tick.
  if (endTurn()) queueMicrotask(() => process.nextTick(() => process.nextTick(runJobs)));
  else runJobs();
}

function runJobs(): void {
  isScheduled = false;
  const until = performance.now() + SLICE_MS;
  let jobs = waiting;
  waiting = [];
  for (let i = 0; i < jobs.length; i++) {
    if (runStep(jobs[i]!)) waiting.push(jobs[i]!);
    if (performance.now() < until) {
      if (i < jobs.length - 1) continue;
      // Each had a step, and there is time for another round.
      [jobs, waiting] = [waiting, []];
      i = -1;
    } else {
      waiting = [...jobs.slice(i + 1), ...waiting];
      break;
    }
  }
  if (waiting.length > 0) schedule();
}

/** @returns whether there is more to do */
function runStep({ work, signal, resolve, reject }: Job): boolean {
  try {
    if (signal?.aborted) {
      work.return(undefined);
      throw new RuntimeFault("CANCELLED", "the client left before its request was done");
    }
    const { done, value } = work.next();
    if (done) resolve(value);
    return !done;
  } catch (error) {
    reject(error);
    return false;
  }
}
