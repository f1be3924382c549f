/**
 * Who still needs a version that a newer one has replaced: requests that met it at their beginning and have not asked it yet, or not for the last time.
 */

export interface Holders {
  /** @returns false once the version is on its way out: it does not wait for those that come late */
  take(): boolean;
  /** For those that work for one that has taken it and has not given it yet. */
  join(): void;
  /** For each `take` that was true and each `join`, once. */
  give(): void;
  /** Resolves when all that have taken it have given it. */
  gone(): Promise<void>;
}

export function createHolders(): Holders {
  let count = 0;
  let closing = false;
  const waiting: (() => void)[] = [];
  return {
    take() {
      if (!closing) count++;
      return !closing;
    },
    join() {
      count++;
    },
    give() {
      if (--count === 0) for (const resolve of waiting.splice(0)) resolve();
    },
    gone() {
      closing = true;
      return count === 0 ? Promise.resolve() : new Promise(resolve => waiting.push(resolve));
    },
  };
}
