/**
 * Triton's identity backend: `INPUT<i>` comes back as `OUTPUT<i>`, with the four parameters that Triton's adds to every response.
 * `execute_delay_ms` in the model's parameters delays each execution.
 */
import { setTimeout as delay } from "node:timers/promises";
import { MAX_MADE_BYTES } from "../../../triton-protos/config-limits.js";
import { configDatatype } from "../../../triton-protos/datatype.js";
import type { ModelConfig, ModelInput } from "../../../triton-protos/model-config.js";
import { RuntimeFault } from "../../base/errors.js";
import { elementCount, type Parameter, type Tensor } from "../../base/tensor.js";
import type { BackendRequest, BackendResponse } from "../contract.js";
import { requestPrefix } from "../requests/request-prefix.js";
import type { Backend } from "./backend.js";

const PARAMETERS: ReadonlyMap<string, Parameter> = new Map<string, Parameter>([
  ["param0", "an example string parameter"],
  ["param1", 42n],
  ["param2", false],
  ["param3", 123.123],
]);

export const identityBackend: Backend = {
  validate({ input, output }) {
    if (input.length !== output.length) refuse("model configuration must have equal input/output pairs");
    for (const one of input)
      if (!one.name.startsWith("INPUT"))
        refuse(`expected input name to follow INPUT<index> pattern, got '${one.name}'`);
    for (const [i, other] of output.entries()) {
      // By index where there is one: outputs may be listed in another order, or twice.
      const one = input.find(({ name }) => name.slice(5) === other.name.slice(6)) ?? input[i]!;
      if (!other.name.startsWith("OUTPUT"))
        refuse(`expected output name to follow OUTPUT<index> pattern, got '${other.name}'`);
      if (one.name.slice(5) !== other.name.slice(6)) refuse("expected input and output indices to match");
      if (one.data_type !== other.data_type)
        refuse(`expected input and output datatype to match, got ${one.data_type} and ${other.data_type}`);
      const [dims, otherDims] = [one, other].map(({ dims, reshape }) => (reshape?.shape ?? dims).join(","));
      if (dims !== otherDims) refuse(`expected input and output shape to match, got [${dims}] and [${otherDims}]`);
    }
  },
  check: config => void readDelay(config.parameters.execute_delay_ms?.string_value, config.name),
  async load({ config }) {
    if (config.instance_group.some(({ kind }) => kind === "KIND_MODEL"))
      refuse("'identity' backend only supports CPU instances");
    const creation = Number(config.parameters.creation_delay_sec?.string_value ?? 0);
    if (creation > 0) await delay(creation * 1000);
    const milliseconds = readDelay(config.parameters.execute_delay_ms?.string_value, config.name);
    return {
      keepsNothing: true,
      async execute(requests, _, clock) {
        clock?.inputsReady();
        if (milliseconds > 0) await delay(milliseconds);
        clock?.computed();
        if (requests.length === 1) return [echo(requests[0]!, config)];
        return requests.map(request => echo(request, config));
      },
    };
  },
};

const refuse = (text: string): never => {
  throw new RuntimeFault("INVALID_ARGUMENT", text);
};

function echo(
  { id, inputs, requestedOutputs, controls }: BackendRequest,
  config: ModelConfig,
): BackendResponse | RuntimeFault {
  // Triton's reads the number, for its log.
  if (typeof controls.correlationId === "string")
    return new RuntimeFault("INVALID_ARGUMENT", `${requestPrefix(id)}correlation ID in request is not an unsigned int`);
  const [first] = inputs.values();
  if (!first)
    return new RuntimeFault("INVALID_ARGUMENT", `${requestPrefix(id)}out of bounds index 0: request has 0 inputs`);
  const batch = config.max_batch_size > 0 ? first.shape.slice(0, 1) : [];
  const outputs: Tensor[] = [];
  for (const declared of config.input) {
    const name = declared.name.replace("INPUT", "OUTPUT");
    if (!requestedOutputs.has(name)) continue;
    if (!declared.optional && !inputs.has(declared.name))
      return new RuntimeFault("UNSUPPORTED", `failed to get input '${declared.name}'`);
    const tensor = inputs.get(declared.name) ?? zeros(declared, batch);
    if (tensor instanceof RuntimeFault) return tensor;
    if (tensor) outputs.push({ ...tensor, name });
  }
  if (outputs.length > 1) outputs.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { outputs, parameters: PARAMETERS };
}

/** An optional input that was left out comes back as zeros. */
function zeros({ name, data_type, dims }: ModelInput, batch: readonly number[]): Tensor | RuntimeFault | undefined {
  const row = configDatatype(data_type);
  if (!row || row.bytes === 0) return undefined;
  const shape = [...batch, ...dims.map(dim => Math.max(1, dim))];
  const bytes = elementCount(shape) * row.bytes;
  if (bytes > MAX_MADE_BYTES)
    return new RuntimeFault(
      "INVALID_ARGUMENT",
      `the zeros for input '${name}', which the request leaves out, have ${bytes} bytes; the maximum is ${MAX_MADE_BYTES}. Send the input`,
    );
  return { name, datatype: row.wire, shape, data: new Uint8Array(bytes) };
}

function readDelay(text: string | undefined, model: string): number {
  if (text === undefined) return 0;
  const value = Number.parseInt(text, 10);
  // Triton takes a negative delay for none.
  if (!Number.isInteger(value))
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `parameter \`execute_delay_ms\` of model '${model}' is '${text}'; write a number of milliseconds`,
    );
  return value;
}
