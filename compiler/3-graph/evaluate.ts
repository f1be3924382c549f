/**
 * JavaScript of a program's files → the graph it describes. User code runs in a worker with a time limit, never in the compiler.
 */
import { bundledFile } from "../../contract/bundled-file.js";
import { WorkerEnded, WorkerHost } from "../../contract/workers/worker-host.js";
import type { Evaluated } from "./document.js";
import type { EvaluationCalls } from "./evaluation-worker.js";
import { workerStack } from "./worker-stack.js";

export interface EvaluateOptions {
  /** file: URL of the program's file. */
  readonly entry: string;
  /** JavaScript by file: URL, for the program and the TypeScript files it imports. */
  readonly modules: ReadonlyMap<string, string>;
  readonly timeoutSeconds?: number;
}

/** The file did not finish; `stack` has its last known activity. */
export interface TimedOut {
  readonly kind: "timeout";
  readonly seconds: number;
  readonly stack: string;
}

/** The thread's code, or `merlon` for programs, in one file: half the time of a small program's evaluation is spent on reading modules. */
const language = (entry: "dsl" | "evaluation-worker"): URL | undefined => bundledFile(`${entry}.js`);
/** The same, unbundled. */
const OWN = {
  module: new URL("./evaluation-worker.js", import.meta.url),
  dsl: new URL("../dsl/index.js", import.meta.url),
};

interface Evaluator {
  readonly host: WorkerHost<EvaluationCalls>;
  /** URL of `merlon` for the program. It belongs to the thread's code: a node is an instance of one of the two copies' classes. */
  readonly dsl: string;
}

/** A thread that has loaded the language and waits for a program. Each serves one, so that no program finds what another left. */
let waiting: Evaluator | undefined;

/** Starts a thread for the next `evaluate`, so that it loads while the program is being checked. It keeps no process alive. */
export function startEvaluator(): void {
  if (waiting) return;
  // Both from one place, also where another process builds the bundle meanwhile.
  const bundled = { module: language("evaluation-worker"), dsl: language("dsl") };
  const { module, dsl } = bundled.module && bundled.dsl ? { module: bundled.module, dsl: bundled.dsl } : OWN;
  const host = new WorkerHost<EvaluationCalls>({
    title: "the thread of the program",
    module,
    runsUserCode: true,
    stdout: false,
    // After a failed start the next caller tries again and gets the error.
    onEnded: () => {
      if (waiting?.host === host) waiting = undefined;
    },
  });
  waiting = { host, dsl: dsl.href };
}

export async function evaluate({
  entry,
  modules,
  timeoutSeconds = 10,
}: EvaluateOptions): Promise<Evaluated | TimedOut> {
  startEvaluator();
  const { host, dsl } = waiting!;
  waiting = undefined;
  const evaluated = host.call("evaluate", { entry, modules, dsl }).catch(threw);
  let timer: NodeJS.Timeout | undefined;
  const timedOut = new Promise<TimedOut>(done => {
    const late = async () => done({ kind: "timeout", seconds: timeoutSeconds, stack: await workerStack(host.thread) });
    timer = setTimeout(() => void late(), timeoutSeconds * 1000);
  });
  try {
    return await Promise.race([evaluated, timedOut]);
  } finally {
    clearTimeout(timer);
    await host.terminate();
  }
}

/** @throws Error that the program threw outside of its evaluation */
function threw(error: Error): Evaluated {
  // A graph that no message can carry.
  if (!(error instanceof WorkerEnded))
    return { kind: "threw", reason: error.message, stack: error.stack ?? "", faults: [] };
  if (error.cause) throw error.cause;
  const { exitCode } = error;
  const reason = exitCode === 13 ? "its top-level `await` never ends" : `the file ended the process (exit ${exitCode})`;
  return { kind: "threw", reason, stack: "", faults: [] };
}
