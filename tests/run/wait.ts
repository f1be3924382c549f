/** The ways in which a test waits: for something, for a value to rest, or for time alone. `pauses.test.ts` keeps others out. */
import type { ChildProcess } from "node:child_process";

/**
 * Polls until there is a value other than `undefined`, `null` and `false`.
 * @param what what is awaited, for the message; a function is called at the end, so that it can include what there was instead
 * @param within milliseconds, many, since a busy machine is not a fault
 * @throws Error when there is none at the end of the time
 */
export async function until<T>(
  what: string | (() => string),
  find: () => T | Promise<T>,
  within = 30_000,
): Promise<Exclude<T, undefined | null | false>> {
  const end = performance.now() + within;
  for (let polls = 1; ; polls++) {
    const found = await find();
    if (found !== undefined && found !== null && found !== false) return found as Exclude<T, undefined | null | false>;
    if (performance.now() > end)
      throw new Error(`${typeof what === "string" ? what : what()}: not within ${within / 1000} s`);
    await elapse(Math.min(polls, 5));
  }
}

/**
 * Polls until a process has written something.
 * @param written all that it has written
 * @throws Error with all of that, when it ends before or the time is over; it is killed then
 */
export async function untilWritten(
  child: ChildProcess,
  written: () => string,
  pattern: RegExp,
  within = 60_000,
): Promise<RegExpExecArray> {
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const find = () => pattern.exec(written()) ?? (hasEnded() && "ended");
  const end = (): string => `${pattern}, exit ${child.exitCode ?? child.signalCode}, after\n${written().slice(-4000)}`;
  try {
    const found = await until(end, find, within);
    if (found === "ended") throw new Error(`the process has ended before ${end()}`);
    return found;
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
}

/** Polls until a value has been the same for this many milliseconds; for work that is to rest before it is done. */
export async function resting<T>(read: () => T, milliseconds = 150): Promise<T> {
  let last = read();
  for (let since = performance.now(); performance.now() - since < milliseconds; ) {
    await elapse(10);
    const now = read();
    if (!Object.is(now, last)) [last, since] = [now, performance.now()];
  }
  return last;
}

/**
 * Lets time pass. It is for events that must not happen and for clocks that can't be set. Steps of random tests and slow stand-ins use it
 * too. Tests wait for an event with `until`.
 */
export const elapse = (milliseconds: number): Promise<void> =>
  new Promise(resolve => {
    setTimeout(resolve, milliseconds);
  });
