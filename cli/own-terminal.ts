/**
 * The terminal that a process was started at. When it closes, the process gets SIGHUP, as it does from `kill -HUP`.
 */
import { closeSync, constants, openSync } from "node:fs";

/** Errors for a process without a terminal. */
const NONE: readonly (string | undefined)[] = ["ENXIO", "EIO", "ENOENT"];

function hasTerminal(): boolean {
  try {
    closeSync(openSync("/dev/tty", constants.O_RDONLY | constants.O_NOCTTY | constants.O_NONBLOCK));
    return true;
  } catch (error) {
    return !NONE.includes((error as NodeJS.ErrnoException).code);
  }
}

/** @returns whether the process had a terminal at this call, and has it no more */
export function watchTerminal(): () => boolean {
  // There the signal has no other cause.
  if (process.platform === "win32") return () => true;
  const had = hasTerminal();
  return () => had && !hasTerminal();
}
