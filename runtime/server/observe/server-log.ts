/**
 * The server's log in Triton's format: information to stdout, warnings and errors to stderr, one line per event.
 */
import { stampClock } from "./stamp-clock.js";

export interface ServerLog {
  info(source: string, text: string): void;
  warning(source: string, text: string): void;
  error(source: string, text: string): void;
  verbose(source: string, text: string): void;
  /** Whether `verbose` writes: check it before making a text for each request. */
  readonly isVerbose: boolean;
  /** Advice that Triton's log does not have, if hints are enabled. */
  hint(source: string, text: string): void;
  /** An error in the words of a library that writes to stderr by itself in a real Triton, whatever the settings of the log are. */
  library(name: string, source: string, text: string): void;
  /** Information of several lines, unchanged. */
  table(source: string, text: string): void;
}

export interface LogOptions {
  readonly info: boolean;
  readonly warning: boolean;
  readonly error: boolean;
  readonly verbose: number;
  readonly format: "default" | "ISO8601";
  readonly hints?: boolean;
  /** Whether each record is one line, a JSON string. Default: true */
  readonly escape?: boolean;
}

/** Shared by all logs of the process, which share its streams. */
const stampMicros = stampClock();

/** Longest text of one record; what a client sends can't fill the log. */
const MAX_TEXT = 8192;

export function createLog(
  options: LogOptions,
  write: (line: string, stream: "stdout" | "stderr") => void = writeToProcess,
): ServerLog {
  // Readers of Triton's log expect `file:line]` in a head; the line is always 0 here.
  const head = (level: "I" | "W" | "E", source: string): string =>
    options.format === "ISO8601"
      ? `${isoTime(stampMicros()).replace(/\.\d+Z/, "Z")} ${level} ${process.pid} ${source}.ts:0]`
      : `${level}${stamp(stampMicros())} ${process.pid} ${source}.ts:0]`;
  const record =
    (level: "I" | "W" | "E", on: () => boolean, stream: "stdout" | "stderr") => (source: string, text: string) => {
      if (on()) write(`${head(level, source)} ${options.escape === false ? cut(text) : quote(text)}\n`, stream);
    };
  return {
    info: record("I", () => options.info, "stdout"),
    warning: record("W", () => options.warning, "stderr"),
    error: record("E", () => options.error, "stderr"),
    hint: record("I", () => options.info && options.hints === true, "stdout"),
    library: (name, source, text) => write(`[${name} ERROR ${source}] ${oneLine(text)}\n`, "stderr"),
    verbose: record("I", () => options.verbose > 0, "stdout"),
    get isVerbose() {
      return options.verbose > 0;
    },
    table(source, text) {
      if (options.info) write(`${head("I", source)} \n${text}\n`, "stdout");
    },
  };
}

const cut = (text: string): string => (text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text);
/** Without what some reader takes for the end of a line or for a command. */
const oneLine = (text: string): string =>
  cut(text).replace(/(?!\t)[\p{Cc}\u2028\u2029]/gu, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
/** A text as one line, in quotes. */
const quote = (text: string): string => oneLine(JSON.stringify(cut(text)));

const writeToProcess = (line: string, stream: "stdout" | "stderr"): void => {
  process[stream].write(line);
};

const isoTime = (micros: number): string => new Date(Math.floor(micros / 1000)).toISOString();

/** `1124 13:39:36.160953`, UTC. */
function stamp(micros: number): string {
  const iso = isoTime(micros);
  return `${iso.slice(5, 7)}${iso.slice(8, 10)} ${iso.slice(11, 23)}${String(micros % 1000).padStart(3, "0")}`;
}
