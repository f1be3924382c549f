/**
 * Loads the language, waits for a program, runs its file once, and posts the graph it exports: a thread of its own for each program.
 */
import { serveCalls } from "../../contract/workers/serve-calls.js";
// Before the hooks are registered, which would be called for each of its modules.
import "../dsl/index.js";
import { describeValue, takeFaults } from "../dsl/faults.js";
import { isNode } from "../dsl/node.js";
import type { Program } from "../dsl/program.js";
import type { Evaluated } from "./document.js";
import { serveModules } from "./evaluation-hooks.js";
import { serialise } from "./serialise.js";

export interface EvaluationRequest {
  /** file: URL of the program's file. */
  readonly entry: string;
  /** JavaScript by file: URL. */
  readonly modules: ReadonlyMap<string, string>;
  /** file: URL of `merlon`, of which this thread is made too. */
  readonly dsl: string;
}

const isNamed = (value: unknown): value is { readonly kind: Program["kind"]; name: unknown; output: unknown } =>
  typeof value === "object" &&
  value !== null &&
  "kind" in value &&
  (value.kind === "ensemble" || value.kind === "workflow") &&
  "output" in value;
const isProgram = (value: unknown): value is Program =>
  isNamed(value) && isNode(value.output) && typeof value.name === "string";

async function evaluate({ entry, modules, dsl }: EvaluationRequest): Promise<Evaluated> {
  try {
    serveModules(modules, dsl);
    const all = (await import(entry)) as Readonly<Record<string, unknown>>;
    const exported = all.default;
    const programs = Object.keys(all).filter(
      name => isProgram(all[name]) && (name === "default" || all[name] !== exported),
    );
    if (!isProgram(exported)) {
      const wrong =
        isNamed(exported) && typeof exported.name !== "string"
          ? `${describeValue(exported.name)} for a name`
          : isNamed(exported)
            ? `${describeValue(exported.output)} for a node`
            : undefined;
      return {
        kind: "no-program",
        seen: describeValue(exported),
        ...(wrong && { arguments: wrong }),
        programs,
        faults: takeFaults(),
      };
    }
    const graph = serialise(exported);
    return { kind: "graph", graph, programs, faults: takeFaults() };
  } catch (error) {
    const { message, stack } = error instanceof Error ? error : { message: String(error), stack: "" };
    return { kind: "threw", reason: message, stack: stack ?? "", faults: takeFaults() };
  }
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
  async evaluate(request) {
    port.unref();
    isPending = true;
    const answer = await evaluate(request);
    isPending = false;
    return answer;
  },
});
