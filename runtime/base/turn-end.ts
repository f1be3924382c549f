/**
 * Requests that arrive in one turn of the event loop continue together when it has read its sockets. Each part of their work then runs for all of them in a
 * row, with its code and data in the processor's caches. Beside reads and writes of sockets, the parts of each request would evict those of the next.
 */

/** Requests that continue together, and nanoseconds of their work: the first of them is answered after the work of all. */
const [MOST, MOST_NS] = [16, 250_000];
/** After this number of turns with one request, most do not wait: it costs a microsecond or two. */
const ALONE = 16;
/** One of this number waits all the same, and notices others. It is prime: else it could be the last of its turn each time, as with two in each turn. */
const PROBE = 17;

interface Group {
  readonly whenOver: Promise<void>;
  readonly end: () => void;
  size: number;
  ns: number;
}

const groups: Group[] = [];
/** Requests of this turn so far. */
let arrived = 0;
/** Turns in a row with one request. */
let alone = 0;
/** Requests that did not wait since the last one that did. */
let passed = 0;

/**
 * @param ns how long the work of the request will take, as far as it is known
 * @returns a promise that is fulfilled when the turn has read its sockets; undefined where requests arrive one at a time
 */
export function turnEnd(ns = 0): Promise<void> | undefined {
  let group = groups.at(-1);
  if (!group && alone >= ALONE && ++passed < PROBE) return undefined;
  if (!group || group.size >= MOST || group.ns + ns > MOST_NS) {
    group = open();
    groups.push(group);
  }
  arrived++;
  group.size++;
  group.ns += ns;
  return group.whenOver;
}

function open(): Group {
  let end = (): void => {};
  const whenOver = new Promise<void>(resolve => {
    end = resolve;
  });
  const group = { whenOver, end, size: 0, ns: 0 };
  // Node runs all that continues with one group before the next of these calls.
  setImmediate(() => {
    // Unless the turn was ended early.
    if (groups[0] === group) endGroups(1);
  });
  return group;
}

function endGroups(count: number): void {
  const ended = groups.splice(0, count);
  if (groups.length === 0) {
    alone = arrived === 1 ? alone + 1 : 0;
    arrived = 0;
    passed = 0;
  }
  for (const { end } of ended) end();
}

/** Ends the turn now, for work that takes a while and would delay them. @returns whether any request waited */
export function endTurn(): boolean {
  const waited = groups.length > 0;
  if (waited) endGroups(groups.length);
  return waited;
}
