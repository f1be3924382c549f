/**
 * The parts of one execution: a backend says when its inputs are in place and when it has computed; what it doesn't say counts as computing.
 */
import type { ExecutionTimes } from "../statistics.js";

export interface ExecutionClock {
  /** The execution begins: what was before was waiting. For backends that are handed executions ahead of time; the first call counts. */
  begun(): void;
  /** The inputs are as the model wants them. The first call counts. */
  inputsReady(): void;
  /** The model has computed; what follows is output. The last call counts. */
  computed(): void;
  /** Set by such a backend: takes the execution back, which then rejects with NOT_BEGUN. False when it has begun. */
  takeBack?: () => boolean;
}

export interface RunningClock extends ExecutionClock {
  /** Nanoseconds on the clock of `performance.now()`. */
  readonly started: number;
  /** Nanoseconds of the parts, each at least one. */
  times(): ExecutionTimes;
}

/** @param onBegun hears when the execution begins, if that is later than now */
export function startClock(onBegun?: () => void): RunningClock {
  const now = (): number => performance.now() * 1e6;
  let started = now();
  let waits = onBegun;
  let ready: number | undefined;
  let done: number | undefined;
  return {
    get started() {
      return started;
    },
    begun() {
      if (!waits) return;
      started = now();
      waits();
      waits = undefined;
    },
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
