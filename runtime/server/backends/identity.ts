/**
 * Triton's identity backend: `INPUT<i>` is returned as `OUTPUT<i>`, with the four parameters that Triton's adds to every response.
 * `execute_delay_ms` in the model's parameters delays each execution, `instance_wise_delay_multiplier` times the instance's number as often;
 * `enable_custom_tracing` reports activities of its own to a request's trace.
 */
import { setTimeout as delay } from "node:timers/promises";
import { MAX_MADE_BYTES } from "../../../triton-protos/config-limits.js";
import { configDatatype } from "../../../triton-protos/datatype.js";
import type { ModelConfig, ModelInput } from "../../../triton-protos/model-config.js";
import { invalid, RuntimeFault, refuse, unsupported } from "../../base/errors.js";
import { elementCount, type Parameter, type Tensor } from "../../base/tensor.js";
import type { BackendRequest, BackendResponse } from "../contract.js";
import type { TraceNotes } from "../observe/tracing/trace.js";
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
  check: config => void readSettings(config),
  async load({ config }) {
    if (config.instance_group.some(({ kind }) => kind === "KIND_MODEL"))
      refuse("'identity' backend only supports CPU instances");
    const creation = Number(config.parameters.creation_delay_sec?.string_value ?? 0);
    if (creation > 0) await delay(creation * 1000);
    const { milliseconds, multiplier, activities } = readSettings(config);
    return {
      keepsNothing: true,
      async execute(requests, instance, clock) {
        clock?.inputsReady();
        if (milliseconds > 0) await delay(milliseconds * Math.max(1, multiplier * instance));
        if (activities) for (const { trace } of requests) if (trace) await report(trace, activities);
        clock?.computed();
        if (requests.length === 1) return [echo(requests[0]!, config)];
        return requests.map(request => echo(request, config));
      },
    };
  },
};

function echo(
  { id, inputs, requestedOutputs, controls }: BackendRequest,
  config: ModelConfig,
): BackendResponse | RuntimeFault {
  // Triton's reads the number, for its log.
  if (typeof controls.correlationId === "string")
    return invalid(`${requestPrefix(id)}correlation ID in request is not an unsigned int`);
  const [first] = inputs.values();
  if (!first) return invalid(`${requestPrefix(id)}out of bounds index 0: request has 0 inputs`);
  const batch = config.max_batch_size > 0 ? first.shape.slice(0, 1) : [];
  const outputs: Tensor[] = [];
  for (const declared of config.input) {
    const name = declared.name.replace("INPUT", "OUTPUT");
    if (!requestedOutputs.has(name)) continue;
    if (!declared.optional && !inputs.has(declared.name)) return unsupported(`failed to get input '${declared.name}'`);
    const tensor = inputs.get(declared.name) ?? zeros(declared, batch);
    if (tensor instanceof RuntimeFault) return tensor;
    if (tensor) outputs.push({ ...tensor, name });
  }
  if (outputs.length > 1) outputs.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { outputs, parameters: PARAMETERS };
}

/** An optional input without a value is returned as zeros. */
function zeros({ name, data_type, dims }: ModelInput, batch: readonly number[]): Tensor | RuntimeFault | undefined {
  const row = configDatatype(data_type);
  if (!row || row.bytes === 0) return undefined;
  const shape = [...batch, ...dims.map(dim => Math.max(1, dim))];
  const bytes = elementCount(shape) * row.bytes;
  if (bytes > MAX_MADE_BYTES)
    return invalid(
      `the zeros for input '${name}', which the request leaves out, have ${bytes} bytes; the maximum is ${MAX_MADE_BYTES}. Send the input`,
    );
  return { name, datatype: row.wire, shape, data: new Uint8Array(bytes) };
}

interface Activities {
  /** Spans within each other. */
  readonly nested: number;
  /** Each n-th of them has an event. */
  readonly frequency: number;
}

interface Settings {
  readonly milliseconds: number;
  readonly multiplier: number;
  readonly activities: Activities | undefined;
}

/** @throws RuntimeFault */
function readSettings({ name: model, parameters }: ModelConfig): Settings {
  const text = (name: string): string | undefined => parameters[name]?.string_value;
  const integer = (name: string, usual: number, wanted: string): number => {
    const written = text(name);
    if (written === undefined) return usual;
    const value = Number.parseInt(written, 10);
    if (Number.isInteger(value)) return value;
    throw invalid(`parameter \`${name}\` of model '${model}' is '${written}'; write ${wanted}`);
  };
  return {
    // Triton takes a negative delay for none.
    milliseconds: integer("execute_delay_ms", 0, "a number of milliseconds"),
    multiplier: integer("instance_wise_delay_multiplier", 0, "an integer"),
    activities:
      text("enable_custom_tracing") === "true"
        ? {
            nested: integer("nested_span_count", 0, "an integer"),
            frequency: integer("single_activity_frequency", 1, "an integer"),
          }
        : undefined,
  };
}

const ACTIVITY_MS = 100;

/** A span, an event, and spans within each other. */
async function report(trace: TraceNotes, { nested, frequency }: Activities): Promise<void> {
  trace.stamp("CUSTOM_ACTIVITY_START");
  await delay(ACTIVITY_MS);
  trace.stamp("CUSTOM_ACTIVITY_END");
  trace.stamp("CUSTOM_SINGLE_ACTIVITY");
  for (let i = 0; i < nested; i++) {
    trace.stamp(`CUSTOM_ACTIVITY${i}_START`);
    await delay(ACTIVITY_MS);
    if (i % frequency === 0) trace.stamp("CUSTOM_SINGLE_ACTIVITY");
  }
  for (let i = nested - 1; i >= 0; i--) trace.stamp(`CUSTOM_ACTIVITY${i}_END`);
}
