/**
 * Time that a simulation moves: timers, immediates and clocks of this process run in virtual milliseconds, one event after the other.
 */

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly fire: () => void;
}

type Callback = (...args: unknown[]) => void;

export interface VirtualTime {
  now(): number;
  /** Runs due events, in order, until none is left or `events` have run. @returns false if that number was not enough */
  run(events: number): Promise<boolean>;
  /** Timers that are set. */
  readonly waiting: number;
  /** Puts the process' own time back. */
  restore(): void;
}

const real = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setImmediate: globalThis.setImmediate,
  clearImmediate: globalThis.clearImmediate,
  now: Date.now,
};

/** Replaces the process' timers and clocks until `restore`. */
export function installVirtualTime(): VirtualTime {
  let clock = 0;
  let order = 0;
  const timers = new Set<Timer>();
  const schedule = (callback: Callback, delay: number, args: unknown[]) => {
    const timer: Timer = { at: clock + Math.max(0, delay), order: order++, fire: () => callback(...args) };
    timers.add(timer);
    return Object.assign(timer, { ref: () => timer, unref: () => timer, hasRef: () => true });
  };
  const cancel = (timer: unknown): void => {
    timers.delete(timer as Timer);
  };
  Object.assign(globalThis, {
    // Node's timers are at least a millisecond.
    setTimeout: (callback: Callback, delay = 1, ...args: unknown[]) => schedule(callback, Math.max(1, delay), args),
    clearTimeout: cancel,
    setImmediate: (callback: Callback, ...args: unknown[]) => schedule(callback, 0, args),
    clearImmediate: cancel,
  });
  Date.now = () => 1.7e12 + clock;
  Object.defineProperty(performance, "now", { configurable: true, value: () => clock });
  return {
    now: () => clock,
    async run(events) {
      for (let i = 0; i < events; i++) {
        // Lets promises settle before time moves on.
        await new Promise<void>(resolve => real.setImmediate(resolve));
        let next: Timer | undefined;
        for (const timer of timers)
          if (!next || timer.at < next.at || (timer.at === next.at && timer.order < next.order)) next = timer;
        if (!next) return true;
        timers.delete(next);
        clock = Math.max(clock, next.at);
        next.fire();
      }
      return false;
    },
    get waiting() {
      return timers.size;
    },
    restore() {
      const { now, ...timing } = real;
      Object.assign(globalThis, timing);
      Date.now = now;
      Reflect.deleteProperty(performance, "now");
    },
  };
}
