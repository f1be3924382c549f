/**
 * Turns of connections that send much: after a long read a connection waits here, and a few of those that wait are read in each turn of the event loop, so that
 * small requests of others are served in between.
 */

/** A read takes 256 KiB at most. */
const AT_A_TIME = 2;
/** Reads from here on are long. */
export const LONG_READ = 2 ** 17;

const waiting: (() => void)[] = [];
let isScheduled = false;

/** @param goOn reads the connection again */
export function waitForTurn(goOn: () => void): void {
  waiting.push(goOn);
  if (isScheduled) return;
  isScheduled = true;
  setImmediate(takeTurn);
}

function takeTurn(): void {
  isScheduled = false;
  for (const goOn of waiting.splice(0, AT_A_TIME)) goOn();
  if (waiting.length === 0 || isScheduled) return;
  isScheduled = true;
  setImmediate(takeTurn);
}
