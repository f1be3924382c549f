/**
 * Resident memory of this process. Linux needs a descriptor for it: without one the last value counts.
 */
let last = 0;

/** @returns bytes */
export function residentBytes(): number {
  try {
    last = process.memoryUsage.rss();
  } catch {
    // EMFILE or ENFILE, in a timer or in the middle of a request.
  }
  return last;
}
