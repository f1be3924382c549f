/**
 * Turns of connections that send much. After a long read a connection waits here. One of them is read in each turn of the event loop, so
 * that small requests of others are served in between.
 */

/** Reads from here on are long. */
export const LONG_READ = 2 ** 14;
/**
 * One turn in this number is for a connection that has just begun. Those in progress end first, so that few half-read requests are in
 * memory.
 */
const ONE_FOR_NEW = 8;

const begun: (() => void)[] = [];
const fresh: (() => void)[] = [];
let turns = 0;
let isScheduled = false;

/** @param goOn reads the connection again @param isNew true where little was read of the connection's request yet */
export function waitForTurn(goOn: () => void, isNew: boolean): void {
  (isNew ? fresh : begun).push(goOn);
  schedule();
}

function schedule(): void {
  if (isScheduled) return;
  isScheduled = true;
  setImmediate(takeTurn);
}

function takeTurn(): void {
  isScheduled = false;
  const isForNew = ++turns % ONE_FOR_NEW === 0;
  const next = isForNew ? (fresh.shift() ?? begun.shift()) : (begun.shift() ?? fresh.shift());
  next?.();
  if (begun.length > 0 || fresh.length > 0) schedule();
}
