/**
 * The parts of one execution: a backend says when its inputs are in place and when it has computed; what it doesn't say counts as computing.
 */
import type { ExecutionTimes } from "../statistics.js";

export interface ExecutionClock {
  /** The inputs are as the model wants them. The first call counts. */
  inputsReady(): void;
  /** The model has computed; what follows is output. The last call counts. */
  computed(): void;
}

export interface RunningClock extends ExecutionClock {
  /** Nanoseconds of the parts, each at least one. */
  times(): ExecutionTimes;
}

/** @param started nanoseconds on the clock of `performance.now()` */
export function startClock(started: number): RunningClock {
  const now = (): number => performance.now() * 1e6;
  let ready: number | undefined;
  let done: number | undefined;
  return {
    inputsReady() {
      ready ??= now();
    },
    computed() {
      done = now();
    },
    times() {
      const end = now();
      const from = ready ?? started;
      const to = done ?? end;
      return { input: Math.max(1, from - started), infer: Math.max(1, to - from), output: Math.max(1, end - to) };
    },
  };
}
