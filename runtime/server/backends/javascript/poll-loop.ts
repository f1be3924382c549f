/**
 * Fetches the answers of models' threads. While responses are due soon, each round of the event loop polls the rings. Afterwards the
 * threads wake it, so that an idle server, or one that waits for slow models, sleeps.
 */
import { availableParallelism } from "node:os";

export interface Source {
  /** Time of the last message, or of the last request. */
  since: number;
  /** Takes all messages. @returns whether there were any */
  drain(): boolean;
  /** Milliseconds for which polling for the next answer pays off; 0 if none is due. */
  patience(): number;
  /** Requests a wake-up. @returns false if a message has arrived meanwhile */
  sleep(): boolean;
  awake(): void;
}

/** The sources that are polled on every round: few, and they change often. */
const watched: Source[] = [];
/** On one processor the other thread runs only while this one sleeps. */
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

/** Polls a source from now on: an answer is due, or the source has signaled. */
export function expect(source: Source): void {
  source.since = performance.now();
  if (!useful || watched.includes(source)) return;
  source.awake();
  watched.push(source);
  plan();
}

/** A source has signaled: takes its messages now, and polls for further ones. */
export function answered(source: Source): void {
  source.awake();
  source.drain();
  if (useful && source.patience() > 0) expect(source);
  else while (!source.sleep()) source.drain();
}

/** Stops polling a source. */
export function forget(source: Source): void {
  const at = watched.indexOf(source);
  if (at === -1) return;
  watched[at] = watched.at(-1)!;
  watched.pop();
}
