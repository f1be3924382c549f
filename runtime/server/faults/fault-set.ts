/**
 * The faults of a server while it runs: added and taken away at any time; which of them hit a request, the seed decides.
 */
import { type Clock, steadyNow, systemClock } from "../../base/clock.js";
import { type Delay, drawDelay } from "../../base/delays.js";
import { createRandom, type Random } from "../../base/random.js";
import { type CheckedFault, checkFault, type Fault, parseFault } from "./fault.js";

export interface ActiveFault {
  readonly id: number;
  readonly fault: CheckedFault;
  /** How often it hit. */
  readonly hits: number;
}

export interface FaultSet {
  /** @param fault an object, or its short form `ranker:error,rate=0.1` @param id that it gets, the next one otherwise @throws RuntimeFault @returns its id */
  add(fault: Fault | string, id?: number): number;
  /** Whether there was one. Requests that it holds go on. */
  remove(id: number): boolean;
  clear(): void;
  list(): readonly ActiveFault[];
  /** The faults with this effect that hit now; each counts as hit. */
  hit(kind: Effect, model: string, stage?: string): readonly CheckedFault[];
  /** Whether one with this effect is there, whatever its rate; counts nothing. */
  holds(kind: Effect, model: string): boolean;
  draw(delay: Delay): number;
  /** Resolves when the fault is removed. */
  gone(fault: CheckedFault): Promise<void>;
  readonly clock: Clock;
}

export type Effect = Exclude<keyof CheckedFault, "model" | "stage" | "rate" | "times" | "forMs">;

interface Entry {
  readonly id: number;
  readonly fault: CheckedFault;
  readonly random: Random;
  readonly until: number;
  hits: number;
  readonly waiting: (() => void)[];
}

/** @param onOver called with the id of a fault that has hit as often as it may */
export function createFaultSet(seed: bigint, clock: Clock = systemClock, onOver?: (id: number) => void): FaultSet {
  const entries = new Map<CheckedFault, Entry>();
  const delays = createRandom(seed, "delays");
  let next = 1;
  const drop = (entry: Entry): void => {
    entries.delete(entry.fault);
    for (const wake of entry.waiting.splice(0)) wake();
  };
  const matching = function* (kind: Effect, model: string, stage?: string): Iterable<Entry> {
    for (const entry of [...entries.values()]) {
      const { fault, until } = entry;
      if (steadyNow(clock) >= until) drop(entry);
      else if (fault[kind] !== undefined && (fault.model === "*" || fault.model === model) && fault.stage === stage)
        yield entry;
    }
  };
  return {
    clock,
    add(given, id = next) {
      const fault = { ...(typeof given === "string" ? parseFault(given) : checkFault(given)) };
      next = Math.max(next, id + 1);
      const until = fault.forMs === undefined ? Number.POSITIVE_INFINITY : steadyNow(clock) + fault.forMs;
      entries.set(fault, { id, fault, random: createRandom(seed, "fault", id), until, hits: 0, waiting: [] });
      return id;
    },
    remove(id) {
      const entry = [...entries.values()].find(one => one.id === id);
      if (entry) drop(entry);
      return entry !== undefined;
    },
    clear() {
      for (const entry of [...entries.values()]) drop(entry);
    },
    list: () => [...entries.values()].map(({ id, fault, hits }) => ({ id, fault, hits })),
    hit(kind, model, stage) {
      const found: CheckedFault[] = [];
      for (const entry of matching(kind, model, stage)) {
        const { fault, random } = entry;
        if (fault.rate !== undefined && random.next() >= fault.rate) continue;
        entry.hits++;
        found.push(fault);
        // A held request stays held; no other one is hit.
        if (entry.hits === fault.times && kind !== "stall") {
          drop(entry);
          onOver?.(entry.id);
        } else if (fault.times !== undefined && entry.hits > fault.times) found.pop();
      }
      return found;
    },
    holds: (kind, model) => !matching(kind, model)[Symbol.iterator]().next().done,
    draw: delay => drawDelay(delay, delays),
    gone: fault =>
      new Promise(resolve => {
        const entry = entries.get(fault);
        if (entry) entry.waiting.push(resolve);
        else resolve();
      }),
  };
}
