/**
 * Fetches what models' threads answer. While answers are due at once, the event loop looks into their rings on every round; then it asks to be woken,
 * so that an idle server, or one that waits for slow models, sleeps.
 */
import { availableParallelism } from "node:os";

export interface Source {
  /** When something has come last, or was asked for. */
  since: number;
  /** Takes what has come. @returns whether something had */
  drain(): boolean;
  /** How long, in milliseconds, it is worth looking for the next answer; 0 when none is due. */
  patience(): number;
  /** Asks for the bell. @returns false when a message has come meanwhile */
  sleep(): boolean;
  awake(): void;
}

/** Those that are looked at on every round; few, and they come and go all the time. */
const watched: Source[] = [];
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
  for (let i = watched.length - 1; i >= 0; i--) look(watched[i]!);
  if (watched.length > 0) plan();
}

function look(source: Source): void {
  const now = performance.now();
  if (source.drain()) source.since = now;
  if (now - source.since < source.patience()) return;
  while (!source.sleep()) source.drain();
  forget(source);
}

/** Something is due from this source, or it has rung. */
export function expect(source: Source): void {
  source.since = performance.now();
  if (!useful || watched.includes(source)) return;
  source.awake();
  watched.push(source);
  plan();
}

/** The bell: looks at once, and for what follows. */
export function answered(source: Source): void {
  source.awake();
  source.drain();
  if (useful && source.patience() > 0) expect(source);
  else while (!source.sleep()) source.drain();
}

/** The source is no more. */
export function forget(source: Source): void {
  const at = watched.indexOf(source);
  if (at === -1) return;
  watched[at] = watched.at(-1)!;
  watched.pop();
}
