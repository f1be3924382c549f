/**
 * Work that nobody waits for. What it fails with is a fault of the program: it is given to whoever watches, who logs and counts it, and ends nothing. Where nobody
 * watches, it is an unhandled rejection as any other.
 */

/** @param doing completes "… failed: " */
export type FaultWatch = (fault: Error, doing: string) => void;

const watches = new Set<FaultWatch>();
let count = 0;

/** How often it happened in this process. */
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

/** @returns false where nobody watches */
export function reportFault(error: unknown, doing: string): boolean {
  const fault = error instanceof Error ? error : new Error(String(error));
  count++;
  for (const watch of watches) watch(fault, doing);
  return watches.size > 0;
}
