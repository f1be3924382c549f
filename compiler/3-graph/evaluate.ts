/**
 * JavaScript of a program's files → the graph it describes. User code runs in a worker with a time limit, never in the compiler.
 */
import { Worker } from "node:worker_threads";
import { bundledFile } from "../../contract/bundled-file.js";
import type { Evaluated } from "./document.js";
import type { EvaluationRequest } from "./evaluation-worker.js";
import { whereBusy } from "./where-busy.js";

export interface EvaluateOptions {
  /** file: URL of the program's file. */
  readonly entry: string;
  /** JavaScript by file: URL, for the program and the TypeScript files it imports. */
  readonly modules: ReadonlyMap<string, string>;
  readonly timeoutSeconds?: number;
}

/** The file did not come to an end; `stack` says what it was doing, as far as that is known. */
export interface TimedOut {
  readonly kind: "timeout";
  readonly seconds: number;
  readonly stack: string;
}

/** The thread's code, or `merlon` as programs see it, in one file: half of what a small program's evaluation takes is reading modules. */
const language = (entry: "dsl" | "evaluation-worker"): URL | undefined => bundledFile(`${entry}.js`);

/** A thread that has loaded the language and waits for a program. Each serves one, so that no program finds what another left. */
let waiting: Worker | undefined;

/** Starts a thread for the next `evaluate`, so that it loads while the program is being checked. It keeps no process alive. */
export function startEvaluator(): void {
  if (waiting) return;
  const worker = new Worker(language("evaluation-worker") ?? new URL("./evaluation-worker.js", import.meta.url), {
    stdout: false,
  });
  worker.unref();
  const forget = () => {
    if (waiting === worker) waiting = undefined;
  };
  // One that does not start is tried again by who needs it, who then hears why.
  worker.once("exit", forget).once("error", forget);
  waiting = worker;
}

export async function evaluate({
  entry,
  modules,
  timeoutSeconds = 10,
}: EvaluateOptions): Promise<Evaluated | TimedOut> {
  startEvaluator();
  const worker = waiting!;
  waiting = undefined;
  worker.ref();
  const dsl = language("dsl") ?? new URL("../dsl/index.js", import.meta.url);
  worker.postMessage({ entry, modules, dsl: dsl.href } satisfies EvaluationRequest);
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([
      new Promise<Evaluated>((done, fail) => {
        worker.once("message", done);
        worker.once("error", fail);
        worker.once("exit", code =>
          done({
            kind: "threw",
            reason: code === 13 ? "its top-level `await` never ends" : `the file ended the process (exit ${code})`,
            stack: "",
            faults: [],
          }),
        );
      }),
      new Promise<TimedOut>(done => {
        const late = async () => done({ kind: "timeout", seconds: timeoutSeconds, stack: await whereBusy(worker) });
        timer = setTimeout(() => void late(), timeoutSeconds * 1000);
      }),
    ]);
  } finally {
    clearTimeout(timer);
    worker.removeAllListeners("error").on("error", () => {});
    await worker.terminate();
  }
}
