/**
 * Results in the order of the calls: promises → promises that settle one after the other.
 */
export function inOrder(): <T>(result: Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return result => {
    const before = last;
    const mine = Promise.allSettled([before, result]).then(() => result);
    last = mine.catch(() => {});
    return mine;
  };
}
