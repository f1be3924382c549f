/**
 * Loads the language, waits for a program, runs its file once, and posts the graph it exports: a thread of its own for each program.
 */
import { registerHooks } from "node:module";
import { serveCalls } from "../../contract/workers/serve-calls.js";
// Before the hooks are registered, which would be called for each of its modules.
import "../dsl/index.js";
import type { Evaluated } from "./document.js";
import { guardMachine } from "./machine-guard.js";
import { programModule } from "./program-modules.js";
import { runProgram } from "./run-program.js";

export interface EvaluationRequest {
  /** file: URL of the program's file. */
  readonly entry: string;
  /** JavaScript by file: URL. */
  readonly modules: ReadonlyMap<string, string>;
  /** file: URL of `merlon`, of which this thread is made too. */
  readonly dsl: string;
}

export interface EvaluationCalls {
  evaluate(request: EvaluationRequest): Evaluated;
}

/** Node's exit code if a top-level `await` never settled. */
const UNSETTLED = 13;
let isPending = false;
// A file whose top-level `await` never ends leaves nothing to do, so the thread ends. Node warns about that only where it is the entry.
process.once("beforeExit", () => {
  if (isPending) process.exit(UNSETTLED);
});
const port = serveCalls<EvaluationCalls>({
  async evaluate({ entry, modules, dsl }) {
    port.unref();
    isPending = true;
    const answer = await runProgram(() => {
      serveModules(modules, dsl);
      guardMachine(url => modules.has(url));
      return import(entry);
    });
    isPending = false;
    return answer;
  },
});

/**
 * Module hooks of the evaluation worker: the compiler provides the program's own TypeScript files as JavaScript, and `merlon` is this
 * Merlon.
 * @param modules JavaScript by file: URL @param dsl file: URL of `merlon`
 */
function serveModules(modules: ReadonlyMap<string, string>, dsl: string): void {
  registerHooks({
    resolve(specifier, context, next) {
      if (specifier === "merlon") return { url: dsl, shortCircuit: true };
      const url = programModule(modules, specifier, context.parentURL);
      return url === undefined ? next(specifier, context) : { url, shortCircuit: true };
    },
    load(url, context, next) {
      const source = modules.get(url);
      return source === undefined ? next(url, context) : { format: "module", source, shortCircuit: true };
    },
  });
}
