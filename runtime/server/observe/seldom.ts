/**
 * Limits log lines about events that strangers can repeat. The first is written at once, then one a minute with the number of events between.
 */
const EVERY_MS = 60_000;

export function seldom(write: (text: string) => void, clock = () => performance.now()): (text: string) => void {
  let last = Number.NEGATIVE_INFINITY;
  let unsaid = 0;
  return text => {
    const now = clock();
    if (now - last < EVERY_MS) {
      unsaid++;
      return;
    }
    write(unsaid === 0 ? text : `${text} (${unsaid} more since the last such line)`);
    last = now;
    unsaid = 0;
  };
}
