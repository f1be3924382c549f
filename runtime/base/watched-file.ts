/**
 * A file that is read again when it has been replaced. Runs that have begun keep the value that they read. A file that cannot be read is reported
 * once, and the value before it stays.
 */
import { type BigIntStats, statSync } from "node:fs";
import { stat } from "node:fs/promises";
import { lacksDescriptors } from "./errors.js";
import { inBackground } from "./in-background.js";

export interface WatchedFile<T> {
  /** The newest value that could be read. */
  readonly current: T;
  /** Looks now. */
  look(): Promise<void>;
  /** Ends the looks. One that has begun changes nothing and reports nothing any more. */
  close(): void;
}

export interface WatchOptions<T> {
  readonly file: string;
  /** The first value, and the state of the file that it was read from. */
  readonly first: T;
  readonly state: string;
  /** Milliseconds between two looks at the file. */
  readonly everyMs: number;
  /** The state of all files that `read` reads, if they are several. */
  readonly stateNow?: () => Promise<string>;
  /** Reads a later value. @throws Error with a sentence that names the file */
  read(): Promise<T>;
  /** Receives the sentence of an error. @default a warning of the process */
  readonly warn?: ((text: string) => void) | undefined;
}

/** The state of a file that is missing, as between two renames, or not a regular file. */
export const NO_STATE = "none";

const printState = (found: BigIntStats | undefined): string =>
  found?.isFile() ? `${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}` : NO_STATE;

/** Identity, size and times of a file. */
export const stateOf = (file: string): Promise<string> => stat(file, { bigint: true }).then(printState, () => NO_STATE);

export const stateOfSync = (file: string): string =>
  printState(statSync(file, { bigint: true, throwIfNoEntry: false }));

export const warnByProcess = (text: string): void => process.emitWarning(text, "MerlonWarning");

export function watchFile<T>({
  file,
  first,
  state,
  everyMs,
  stateNow = () => stateOf(file),
  read,
  warn = warnByProcess,
}: WatchOptions<T>): WatchedFile<T> {
  let current = first;
  let seen = state;
  let isRefused = false;
  let looking: Promise<void> | undefined;
  let isClosed = false;
  const look = async (): Promise<void> => {
    const now = await stateNow();
    if (isClosed || now === seen || now === NO_STATE) return;
    try {
      const next = await read();
      // A file that is still written is read again when it is whole.
      if ((await stateNow()) !== now || isClosed) return;
      current = next;
      isRefused = false;
    } catch (error) {
      if (isClosed) return;
      if (!isRefused) warn(`${(error as Error).message} What was read before is served on.`);
      isRefused = true;
      if (lacksDescriptors(error)) return;
    }
    seen = now;
  };
  const lookOnce = (): Promise<void> => {
    looking ??= look().finally(() => {
      looking = undefined;
    });
    return looking;
  };
  const timer = setInterval(() => {
    if (!looking) inBackground(lookOnce(), `looking for changes of ${file}`);
  }, everyMs);
  timer.unref();
  return {
    get current() {
      return current;
    },
    async look() {
      // One that has begun may have missed the last change.
      await looking;
      await lookOnce();
    },
    close() {
      isClosed = true;
      clearInterval(timer);
    },
  };
}
