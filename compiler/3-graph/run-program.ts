/**
 * Runs a program's file once and describes what it exports. Imports nothing of Node, so that a browser runs programs too.
 */
import { describeValue, takeFaults } from "../dsl/faults.js";
import { isNode } from "../dsl/node.js";
import type { Program } from "../dsl/program.js";
import type { Evaluated } from "./document.js";
import { MachineRead } from "./machine-guard.js";
import { serialise } from "./serialise.js";

const isNamed = (value: unknown): value is { readonly kind: Program["kind"]; name: unknown; output: unknown } =>
  typeof value === "object" &&
  value !== null &&
  "kind" in value &&
  (value.kind === "ensemble" || value.kind === "workflow") &&
  "output" in value;
const isProgram = (value: unknown): value is Program =>
  isNamed(value) && isNode(value.output) && typeof value.name === "string";

/** @param load imports the program's file; what it throws is part of the result */
export async function runProgram(load: () => Promise<unknown>): Promise<Evaluated> {
  try {
    const all = (await load()) as Readonly<Record<string, unknown>>;
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
    const machine = error instanceof MachineRead ? { machine: error.value } : {};
    return { kind: "threw", reason: message, stack: stack ?? "", ...machine, faults: takeFaults() };
  }
}
