/**
 * Bounds the rows that plans compute at a time in this process. A request of a few hundred bytes may have a hundred users with a hundred candidates
 * each. Such a wide run is counted before it begins, waits for its turn, and yields to other requests between its stages.
 */
import type { Cancellation } from "../../base/cancellation.js";
import { cancelled } from "./refusals.js";

/** Default of `--max-plan-rows`. */
export const DEFAULT_PLAN_ROWS = 65_536;
/** Runs of fewer rows are done within a few milliseconds, and are not counted. */
const NARROW = 2048;

interface Waiting {
  readonly rows: number;
  begin(): void;
}

export class PlanRows {
  /** Rows at a time; one run may have more if it is the only one. `Infinity` counts nothing. */
  limit = DEFAULT_PLAN_ROWS;
  #running = 0;
  #waiting: Waiting[] = [];

  isWide(rows: number): boolean {
    return rows > NARROW && this.limit !== Number.POSITIVE_INFINITY;
  }

  /** Runs in the order of calls. @throws RuntimeFault CANCELLED if the client leaves while its run waits, or that of `work` */
  async run<T>(rows: number, work: () => Promise<T>, signal?: Cancellation): Promise<T> {
    if (this.#waiting.length > 0 || !this.#fits(rows)) await this.#wait(rows, signal);
    else this.#running += rows;
    try {
      return await work();
    } finally {
      this.#running -= rows;
      this.#next();
    }
  }

  #fits(rows: number): boolean {
    return this.#running === 0 || this.#running + rows <= this.limit;
  }

  #wait(rows: number, signal?: Cancellation): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting = this.#waiting.filter(other => other !== waiting);
        reject(cancelled());
        this.#next();
      };
      const waiting: Waiting = {
        rows,
        begin() {
          signal?.removeEventListener("abort", leave);
          resolve();
        },
      };
      signal?.addEventListener("abort", leave, { once: true });
      this.#waiting.push(waiting);
    });
  }

  #next(): void {
    for (let first = this.#waiting[0]; first && this.#fits(first.rows); first = this.#waiting[0]) {
      this.#waiting.shift();
      this.#running += first.rows;
      first.begin();
    }
  }
}

/** Those of this process, which has one event loop however many servers it runs. */
export const planRows = new PlanRows();
