/**
 * Runs the program's file once, in a thread of its own, and posts the graph it exports.
 */
import { register } from "node:module";
import { parentPort, workerData } from "node:worker_threads";
import { describeValue, takeFaults } from "../dsl/faults.js";
import { isNode } from "../dsl/node.js";
import type { Program } from "../dsl/program.js";
import type { Evaluated } from "./document.js";
import { serialise } from "./serialise.js";

const { entry, modules, dsl } = workerData as { entry: string; modules: ReadonlyMap<string, string>; dsl: string };

const isProgram = (value: unknown): value is Program =>
  typeof value === "object" &&
  value !== null &&
  "kind" in value &&
  (value.kind === "ensemble" || value.kind === "workflow") &&
  "output" in value &&
  isNode(value.output);

async function evaluate(): Promise<Evaluated> {
  try {
    register(new URL("./evaluation-hooks.js", import.meta.url), { data: { modules, dsl } });
    const exported = ((await import(entry)) as { default?: unknown }).default;
    if (!isProgram(exported)) {
      const inner =
        typeof exported === "object" && exported !== null && "output" in exported && !isNode(exported.output)
          ? ` whose output is ${describeValue(exported.output)}`
          : "";
      return { kind: "no-program", seen: `${describeValue(exported)}${inner}`, faults: takeFaults() };
    }
    return { kind: "graph", graph: serialise(exported), faults: takeFaults() };
  } catch (error) {
    const { message, stack } = error instanceof Error ? error : { message: String(error), stack: "" };
    return { kind: "threw", reason: message, stack: stack ?? "", faults: takeFaults() };
  }
}

parentPort!.postMessage(await evaluate());
