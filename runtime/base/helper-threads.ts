/**
 * V8's own threads mark garbage and compile beside the event loop. On one or two processors the event loop waits for each of them in turn: some 10
 * milliseconds for four.
 */
import { readdirSync, readFileSync } from "node:fs";
import { constants, getPriority, setPriority } from "node:os";

/** Below the event loop, as Linux counts: a tenth of its share where both have work. */
const LOWER = 10;
/** Threads of Node itself: those of its pool do the work of requests, and the others have none. */
const OTHERS = /^(libuv-worker|DelayedTaskSche|SignalInspector)/;

/**
 * Gives the processor to the event loop first. Called at the start of a process of its own: later there are threads that do the work of requests.
 * Only Linux has a priority for each thread.
 */
export function lowerHelperThreads(): void {
  if (process.platform !== "linux") return;
  const priority = Math.min(constants.priority.PRIORITY_LOW, getPriority() + LOWER);
  try {
    for (const thread of readdirSync("/proc/self/task")) {
      if (Number(thread) === process.pid) continue;
      if (OTHERS.test(readFileSync(`/proc/self/task/${thread}/comm`, "latin1"))) continue;
      setPriority(Number(thread), priority);
    }
  } catch {
    // A sandbox forbids it, or has no /proc: the server is slower beside garbage, and no more.
  }
}
