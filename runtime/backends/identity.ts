/**
 * Triton's identity backend: `INPUT<i>` comes back as `OUTPUT<i>`, with the four parameters that Triton's adds to every response.
 * `execute_delay_ms` in the model's parameters delays each execution.
 */
import { setTimeout as delay } from "node:timers/promises";
import { RuntimeFault } from "../errors.js";
import type { Parameter, Tensor } from "../tensor.js";
import type { Backend, BackendRequest, BackendResponse } from "./backend.js";

const PARAMETERS: ReadonlyMap<string, Parameter> = new Map<string, Parameter>([
  ["param0", "an example string parameter"],
  ["param1", 42n],
  ["param2", false],
  ["param3", 123.123],
]);

export const identityBackend: Backend = {
  async load({ config }) {
    for (const { name } of config.input)
      if (!/^INPUT\d+$/.test(name))
        throw new RuntimeFault("INVALID_ARGUMENT", `expected input name to follow INPUT<index> pattern, got '${name}'`);
    const milliseconds = readDelay(config.parameters.execute_delay_ms?.string_value, config.name);
    return {
      async execute(requests) {
        if (milliseconds > 0) await delay(milliseconds);
        return requests.map(echo);
      },
    };
  },
};

function echo({ inputs, requestedOutputs }: BackendRequest): BackendResponse {
  const outputs: Tensor[] = [];
  for (const [name, tensor] of inputs) {
    const output = name.replace("INPUT", "OUTPUT");
    if (requestedOutputs.has(output)) outputs.push({ ...tensor, name: output });
  }
  return { outputs, parameters: PARAMETERS };
}

function readDelay(text: string | undefined, model: string): number {
  if (text === undefined) return 0;
  const value = Number(text);
  if (!(value >= 0))
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `parameter \`execute_delay_ms\` of model '${model}' is '${text}'; write a number of milliseconds`,
    );
  return value;
}
