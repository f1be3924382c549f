/**
 * Calls `report` with the seconds that are left of `patience` milliseconds, now and once a second.
 * @returns a function that ends it
 */
export function countDown(patience: number, report: (seconds: number) => void): () => void {
  const end = performance.now() + patience;
  const act = (): void => report(Math.max(0, Math.round((end - performance.now()) / 1000)));
  act();
  const timer = setInterval(act, 1000).unref();
  return () => clearInterval(timer);
}
