/**
 * JavaScript of a program's files → the graph it describes. User code runs in a worker with a time limit, never in the compiler.
 */
import { Worker } from "node:worker_threads";
import type { Evaluated } from "./document.js";
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

export async function evaluate({
  entry,
  modules,
  timeoutSeconds = 10,
}: EvaluateOptions): Promise<Evaluated | TimedOut> {
  const dsl = new URL("../dsl/index.js", import.meta.url).href;
  const worker = new Worker(new URL("./evaluation-worker.js", import.meta.url), {
    workerData: { entry, modules, dsl },
    stdout: false,
  });
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
    await worker.terminate();
  }
}
