/**
 * Work without a caller that waits for it. Its failure is a bug of the program: watchers log and count it, and the process continues.
 * Without a watcher it is an unhandled rejection like any other.
 */

/** @param doing completes "… failed: " */
export type FaultWatch = (fault: Error, doing: string) => void;

const watches = new Set<FaultWatch>();
let count = 0;

/** Number of such faults in this process. */
export const faultCount = (): number => count;

/** @returns ends the watch */
export function watchFaults(watch: FaultWatch): () => void {
  watches.add(watch);
  return () => watches.delete(watch);
}

/** @param doing completes "… failed: " */
export function inBackground(work: Promise<unknown>, doing: string): void {
  work.catch(error => {
    if (!reportFault(error, doing)) throw error;
  });
}

/** @returns false if there is no watcher */
export function reportFault(error: unknown, doing: string): boolean {
  const fault = error instanceof Error ? error : new Error(String(error));
  count++;
  for (const watch of watches) watch(fault, doing);
  return watches.size > 0;
}

/** A pipe whose reader closed it, and a terminal that was closed. */
const CLOSED_OUTPUT: readonly (string | undefined)[] = ["EPIPE", "EIO"];

/** The process of a server continues after a failure in the background, and when the reader of its log ends. */
export function continueOnFaults(): void {
  process.on("unhandledRejection", error => {
    if (!reportFault(error, "work in the background")) throw error;
  });
  for (const stream of [process.stdout, process.stderr])
    stream.on("error", error => {
      if (!CLOSED_OUTPUT.includes((error as NodeJS.ErrnoException).code)) throw error;
    });
}
