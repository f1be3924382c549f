/**
 * A worker's log. Lines about models are the same in every worker: the control process prints each once. Lines about requests are printed here.
 */
import type { ServerLog } from "../observe/server-log.js";
import type { SharedLine } from "./messages.js";

/** Sources whose lines are about what all workers have. */
const SHARED: ReadonlySet<string> = new Set([
  "backend_model",
  "cache_manager",
  "faults",
  "header_forwarding",
  "memory",
  "merlon",
  "metric_model_reporter",
  "metrics",
  "mock",
  "model_lifecycle",
  "model_repository_manager",
  "server",
  "tls",
  "tritonserver",
]);
/** Sources of requests and of faults of this process, whatever else is under way. */
const OWN: ReadonlySet<string> = new Set(["grpc_server", "http_server", "infer_handler", "tracer"]);

/** @param isChanging whether this worker starts, stops, or changes its models, as all do: back ends have lines for that */
export function sharedLog(own: ServerLog, send: (line: SharedLine) => void, isChanging: () => boolean): ServerLog {
  const goes = (source: string): boolean => SHARED.has(source) || (isChanging() && !OWN.has(source));
  const line =
    (level: "info" | "warning" | "error" | "hint" | "table") =>
    (source: string, text: string): void => {
      if (goes(source)) send({ level, source, text });
      else own[level](source, text);
    };
  return {
    info: line("info"),
    warning: line("warning"),
    error: line("error"),
    hint: line("hint"),
    table: line("table"),
    library: (library, source, text) => send({ level: "library", source, text, library }),
    verbose: (source, text) => own.verbose(source, text),
    get isVerbose() {
      return own.isVerbose;
    },
  };
}

/** A line that some workers have not written yet. */
interface Printed {
  /** How often it was printed. */
  times: number;
  readonly by: Map<number, number>;
  readonly since: number;
}

/** Lines that wait for the same from the other workers are forgotten after this time. */
const FORGOTTEN_MS = 120_000;
const MOST = 4096;

/** Prints a line that several workers write once; a line that one writes twice, twice. */
export class OnceLog {
  readonly #printed = new Map<string, Printed>();

  /** @param log of the control process @param living the workers that write such lines */
  constructor(
    private readonly log: ServerLog,
    private readonly living: () => readonly number[],
  ) {}

  take(worker: number, line: SharedLine): void {
    const key = `${line.level} ${line.source} ${line.text}`;
    const known = this.#printed.get(key) ?? { times: 0, by: new Map(), since: performance.now() };
    const count = (known.by.get(worker) ?? 0) + 1;
    known.by.set(worker, count);
    if (count > known.times) {
      known.times = count;
      this.#print(line);
    }
    const isWhole = this.living().every(other => (known.by.get(other) ?? 0) >= known.times);
    if (isWhole) this.#printed.delete(key);
    else this.#printed.set(key, known);
    this.#forget();
  }

  #print({ level, source, text, library }: SharedLine): void {
    if (level === "library") this.log.library(library ?? "", source, text);
    else this.log[level](source, text);
  }

  #forget(): void {
    const old = performance.now() - FORGOTTEN_MS;
    for (const [key, { since }] of this.#printed) {
      if (since > old && this.#printed.size <= MOST) return;
      this.#printed.delete(key);
    }
  }
}
