/**
 * The parts of one execution: a backend marks when its inputs are in place and when it has computed; unmarked time counts as computing.
 */
import type { ExecutionTimes } from "../observe/statistics.js";

/** An execution that was handed over ahead of time. */
export interface Returnable {
  /** Takes it back; it then rejects with NOT_BEGUN. @returns false when it has begun */
  takeBack(): boolean;
}

export interface ExecutionClock {
  /** The execution begins: what was before was waiting. For backends that are handed executions ahead of time; the first call counts. */
  begun(): void;
  /** The inputs are in the model's form. The first call counts. */
  inputsReady(): void;
  /** The model has computed; what follows is output. The last call counts. */
  computed(): void;
  /** Set by such a backend. */
  execution?: Returnable | undefined;
}

export interface RunningClock extends ExecutionClock {
  /** Nanoseconds on the clock of `performance.now()`. */
  readonly started: number;
  /** Nanoseconds of the parts, each at least one. */
  times(): ExecutionTimes;
}

const now = (): number => performance.now() * 1e6;

/** @param onBegun called when the execution begins, if that is later than now */
export const startClock = (onBegun?: () => void): RunningClock => new PartsClock(onBegun);

/**
 * A class, since there is one for each execution. A getter in an object literal would give each a hidden class of its own. The class and
 * everything reachable from the clock would live until the next full collection.
 */
class PartsClock implements RunningClock {
  started = now();
  execution: Returnable | undefined;
  #waits: (() => void) | undefined;
  /** 0 for "not yet". */
  #ready = 0;
  #done = 0;

  constructor(onBegun: (() => void) | undefined) {
    this.#waits = onBegun;
  }

  begun(): void {
    const waits = this.#waits;
    if (!waits) return;
    this.#waits = undefined;
    this.started = now();
    waits();
  }

  inputsReady(): void {
    if (this.#ready === 0) this.#ready = now();
  }

  computed(): void {
    this.#done = now();
  }

  times(): ExecutionTimes {
    const end = now();
    const from = this.#ready || this.started;
    const to = this.#done || end;
    return { input: Math.max(1, from - this.started), infer: Math.max(1, to - from), output: Math.max(1, end - to) };
  }
}
