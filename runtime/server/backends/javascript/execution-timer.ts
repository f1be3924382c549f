/**
 * How long executions of a thread take, and the end of one that takes too long.
 */
export class ExecutionTimer {
  /** Milliseconds of a usual execution. */
  usual = 0;
  readonly #limit: number;
  readonly #onLate: () => void;
  #begun = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param limit milliseconds an execution may take; 0 for any */
  constructor(limit: number, onLate: () => void) {
    this.#limit = limit;
    this.#onLate = onLate;
  }

  /** One execution has ended. @param runs whether another one runs from now on */
  next(runs: boolean): void {
    const now = performance.now();
    if (this.#begun > 0) this.usual += (now - this.#begun - this.usual) / 8;
    this.#begun = runs ? now : 0;
    if (this.#limit === 0) return;
    clearTimeout(this.#timer);
    if (runs) this.#timer = setTimeout(this.#onLate, this.#limit);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
