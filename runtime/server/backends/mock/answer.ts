/**
 * The function form of a mock: a request as people read it → values by output; any number of them for a decoupled model.
 */
import type { ModelConfig } from "../../../../triton-protos/model-config.js";
import { internal, RuntimeFault } from "../../../base/errors.js";
import { createRandom, type Random } from "../../../base/random.js";
import type { Tensor } from "../../../base/tensor.js";
import type { BackendRequest, BackendResponse } from "../../contract.js";
import { readParameters } from "../javascript/parameters.js";
import { type Filling, fill, leadOf } from "./fill.js";
import type { MockSettings } from "./settings.js";
import { backendDims, type MockTensor, readTensor, type TensorValue, writeTensor } from "./tensor-values.js";

/** A request as a mock's function sees it. */
export interface MockRequest<Inputs = Readonly<Record<string, MockTensor>>> {
  readonly inputs: Inputs;
  /** Rows of the request; 1 for a model without batching. */
  readonly batch: number;
  readonly id: string;
  readonly parameters: Readonly<Record<string, boolean | number | bigint | string>>;
  /**
   * The client's HTTP headers or gRPC metadata, in lower case, in a test's server; a request in process, or of a plan, has none. In `requests` those that
   * describe the connection are left out, and secrets are masked, as in a recording.
   */
  readonly headers: Readonly<Record<string, string>>;
  /** The seed and the request decide its numbers. */
  readonly random: Random;
}

/** Values by output; outputs that are left out are filled by their rule. */
export type MockAnswer = Readonly<Record<string, TensorValue>>;
export type MockFunction = (
  request: MockRequest,
) => MockAnswer | Promise<MockAnswer> | Iterable<MockAnswer> | AsyncIterable<MockAnswer>;

export function readRequest(request: BackendRequest, config: ModelConfig, { seed = 0 }: MockSettings): MockRequest {
  const { id, batch, inputs, parameters, headers = {} } = request;
  const bytes = [...inputs.values()].flatMap(({ name, data }) => [name, data]);
  return {
    id,
    batch,
    inputs: Object.fromEntries([...inputs].map(([name, tensor]) => [name, readTensor(tensor)])),
    parameters: readParameters([...parameters]),
    headers: Object.fromEntries(
      Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
    ),
    random: createRandom(seed, config.name, ...bytes),
  };
}

/** The answers of a function, one by one. @throws RuntimeFault; an error of the function is INTERNAL with its message */
export async function* callFunction(act: MockFunction, request: MockRequest): AsyncIterable<MockAnswer> {
  try {
    const answer = await act(request);
    if (Symbol.asyncIterator in answer || Symbol.iterator in answer) yield* answer as AsyncIterable<MockAnswer>;
    else yield answer as MockAnswer;
  } catch (error) {
    throw RuntimeFault.from(error, (error as Error).message);
  }
}

/** The requested outputs, those of `values` first and the others by their rule. @throws RuntimeFault */
export function writeAnswer(values: MockAnswer, request: BackendRequest, filling: Filling): BackendResponse {
  const { config, settings } = filling;
  const unknown = Object.keys(values).find(name => !config.output.some(output => output.name === name));
  if (unknown !== undefined)
    throw internal(
      `model '${config.name}' has no output '${unknown}'; it has ${config.output.map(({ name }) => `'${name}'`).join(", ")}`,
    );
  const outputs = config.output.flatMap((output): Tensor[] => {
    if (!request.requestedOutputs.has(output.name)) return [];
    const value = values[output.name];
    if (value === undefined) return [fill(output, request, filling)];
    const sizes = settings.shapes?.[output.name] ?? backendDims(output).map(dim => (dim === -1 ? 1 : dim));
    return [writeTensor(output, value, leadOf(config, request), sizes)];
  });
  return { outputs: outputs.toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
}
