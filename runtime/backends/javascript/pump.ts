/**
 * Fetches what models' threads answer. While answers are due at once, the event loop looks into their rings on every round; then it asks to be woken,
 * so that an idle server, or one that waits for slow models, sleeps.
 */
import { availableParallelism } from "node:os";

export interface Source {
  /** Takes what has come. @returns whether something had */
  drain(): boolean;
  /** How long, in milliseconds, it is worth looking for the next answer; 0 when none is due. */
  patience(): number;
  /** Asks for the bell. @returns false when a message has come meanwhile */
  sleep(): boolean;
  awake(): void;
}

interface Watched {
  readonly source: Source;
  /** When something has come last. */
  since: number;
}

const watched = new Map<Source, Watched>();
/** With one processor the other thread runs only while this one sleeps. */
const useful = availableParallelism() > 1;
let planned = false;

function plan(): void {
  if (planned) return;
  planned = true;
  setImmediate(turn);
}

function turn(): void {
  planned = false;
  for (const one of watched.values()) look(one);
  if (watched.size > 0) plan();
}

function look(one: Watched): void {
  const { source } = one;
  const now = performance.now();
  if (source.drain()) one.since = now;
  if (now - one.since < source.patience()) return;
  while (!source.sleep()) source.drain();
  watched.delete(source);
}

/** Something is due from this source, or it has rung. */
export function expect(source: Source): void {
  const one = watched.get(source);
  if (one) one.since = performance.now();
  else if (useful) {
    source.awake();
    watched.set(source, { source, since: performance.now() });
    plan();
  }
}

/** The bell: looks at once, and for what follows. */
export function answered(source: Source): void {
  source.awake();
  source.drain();
  if (useful && source.patience() > 0) expect(source);
  else while (!source.sleep()) source.drain();
}

/** The source is no more. */
export const forget = (source: Source): void => void watched.delete(source);
