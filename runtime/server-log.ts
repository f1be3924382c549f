/**
 * The server's log in Triton's format: information to stdout, warnings and errors to stderr, one line per event.
 */
export interface ServerLog {
  info(source: string, text: string): void;
  warning(source: string, text: string): void;
  error(source: string, text: string): void;
  verbose(source: string, text: string): void;
}

export interface LogOptions {
  readonly info: boolean;
  readonly warning: boolean;
  readonly error: boolean;
  readonly verbose: number;
  readonly format: "default" | "ISO8601";
}

/** Longest text of one record; what a client sends can't fill the log. */
const MAX_TEXT = 8192;

export function createLog(
  options: LogOptions,
  write: (line: string, stream: "stdout" | "stderr") => void = writeToProcess,
): ServerLog {
  const record =
    (level: "I" | "W" | "E", on: boolean, stream: "stdout" | "stderr") => (source: string, text: string) => {
      if (!on) return;
      const head =
        options.format === "ISO8601"
          ? `${new Date().toISOString().replace(/\.\d+Z/, "Z")} ${level} ${process.pid} ${source}.ts]`
          : `${level}${stamp(new Date())} ${process.pid} ${source}.ts]`;
      write(`${head} ${JSON.stringify(text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text)}\n`, stream);
    };
  return {
    info: record("I", options.info, "stdout"),
    warning: record("W", options.warning, "stderr"),
    error: record("E", options.error, "stderr"),
    verbose: record("I", options.verbose > 0, "stdout"),
  };
}

const writeToProcess = (line: string, stream: "stdout" | "stderr"): void => {
  process[stream].write(line);
};

/** `1124 13:39:36.160953`, UTC. */
function stamp(now: Date): string {
  const iso = now.toISOString();
  const micros = String(Math.floor((performance.now() * 1000) % 1000)).padStart(3, "0");
  return `${iso.slice(5, 7)}${iso.slice(8, 10)} ${iso.slice(11, 23)}${micros}`;
}
