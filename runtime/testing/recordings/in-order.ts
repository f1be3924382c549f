/**
 * Work on requests, one after the other in the order of their arrival. Bodies are read in slices, so a short one would overtake a long one.
 */

/** @param most limit of bytes that wait */
export function createOrder(most: number): (bytes: number, work: () => Promise<void>) => Promise<void> | undefined {
  let waiting = 0;
  let last: Promise<void> = Promise.resolve();
  /** @returns undefined, without a call of `work`, where too much waits already */
  return (bytes, work) => {
    if (waiting > 0 && waiting + bytes > most) return undefined;
    waiting += bytes;
    const done = last.then(work).finally(() => {
      waiting -= bytes;
    });
    last = done.catch(() => {});
    return done;
  };
}
