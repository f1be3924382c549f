/**
 * Cancellation of a request: a cheap AbortSignal. Most requests are never cancelled, and a real AbortController for each cost an eighth of
 * a small one.
 */
import { setMaxListeners } from "node:events";

/** The part of AbortSignal that schedulers and backends read; a real one fits too. */
export interface Cancellation {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void, options?: { readonly once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** A cancellation and the way to cause it. Listeners are called once, in the order of registration. */
export class Cancellable implements Cancellation {
  aborted = false;
  #listeners: Set<() => void> | undefined;

  addEventListener(_: "abort", listener: () => void): void {
    if (this.aborted) return;
    this.#listeners ??= new Set();
    this.#listeners.add(listener);
  }

  removeEventListener(_: "abort", listener: () => void): void {
    this.#listeners?.delete(listener);
  }

  abort(): void {
    if (this.aborted) return;
    this.aborted = true;
    // A listener may remove others, which are not called then.
    if (this.#listeners) for (const listener of this.#listeners) listener();
    this.#listeners = undefined;
  }
}

/** Aborted when either of two is; a listener may be called for both. */
export const either = (a: Cancellation | undefined, b: Cancellation): Cancellation =>
  a
    ? {
        get aborted() {
          return a.aborted || b.aborted;
        },
        addEventListener(...listen) {
          a.addEventListener(...listen);
          b.addEventListener(...listen);
        },
        removeEventListener(...listen) {
          a.removeEventListener(...listen);
          b.removeEventListener(...listen);
        },
      }
    : b;

/** Aborted when all of them are. */
export function all(signals: readonly Cancellation[]): Cancellation {
  const [first] = signals;
  if (first && signals.length === 1) return first;
  const both = new Cancellable();
  let left = signals.length;
  const count = (): void => {
    left--;
    if (left === 0) both.abort();
  };
  for (const signal of signals)
    if (signal.aborted) count();
    else signal.addEventListener("abort", count, { once: true });
  return both;
}

/** A real AbortSignal that follows a cancellation, for code that hands it on to Node; `release` ends that. */
export function linkSignal(cancellation: Cancellation): { readonly signal: AbortSignal; release(): void } {
  if (cancellation instanceof AbortSignal) return { signal: cancellation, release() {} };
  const controller = new AbortController();
  // Every model that a plan waits for listens, and Node warns of a leak at the eleventh.
  setMaxListeners(0, controller.signal);
  const abort = (): void => controller.abort();
  if (cancellation.aborted) abort();
  else cancellation.addEventListener("abort", abort, { once: true });
  return { signal: controller.signal, release: () => cancellation.removeEventListener("abort", abort) };
}
