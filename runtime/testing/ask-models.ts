/**
 * A test's own requests, in process and without a socket: values by input → values by output.
 */

import type { ModelConfig } from "../../triton-protos/model-config.js";
import { invalid, RuntimeFault } from "../base/errors.js";
import { inBackground } from "../base/in-background.js";
import { writeParameters } from "../server/backends/javascript/parameters.js";
import { type MockTensor, readTensor, type TensorValue, writeTensor } from "../server/backends/mock/tensor-values.js";
import type { InferRequest, InferResponse, RequestTensor } from "../server/contract.js";
import type { Registry } from "../server/models/registry-types.js";
import { serverModels } from "../server/requests/server-models.js";

export interface AskOptions {
  readonly version?: number;
  readonly id?: string;
  readonly parameters?: Readonly<Record<string, boolean | number | bigint | string>>;
  /** Outputs to answer; all when left out. */
  readonly outputs?: readonly string[];
}

export interface Answered<Outputs = Readonly<Record<string, MockTensor>>> {
  readonly outputs: Outputs;
  readonly parameters: ReadonlyMap<string, unknown>;
}

/** Yields responses as they arrive; a fault ends them. @throws RuntimeFault with Triton's text and code */
export async function* askModel(
  registry: Registry,
  model: string,
  inputs: Readonly<Record<string, TensorValue>>,
  { version = -1, id = "", parameters = {}, outputs = [] }: AskOptions = {},
): AsyncIterable<Answered> {
  const { config } = registry.find(model, version);
  const request: InferRequest = {
    id,
    outputs,
    parameters: new Map(writeParameters(parameters)),
    inputs: Object.entries(inputs).map(([name, value]) => requestTensor(config, name, value)),
  };
  const answers: (InferResponse | RuntimeFault)[] = [];
  let ended = false;
  let wake = (): void => {};
  const asked = serverModels(() => registry).infer(model, version, request, (answer, final) => {
    if (answer) answers.push(answer);
    ended ||= final;
    wake();
  });
  inBackground(asked, `the model ${model}`);
  for (;;) {
    const next = answers.shift();
    if (next instanceof Error) throw next;
    if (next)
      yield {
        outputs: Object.fromEntries(next.outputs.map(tensor => [tensor.name, readTensor(tensor)])),
        parameters: new Map(next.parameters),
      };
    else if (ended) return;
    else
      await new Promise<void>(resolve => {
        wake = resolve;
      });
  }
}

function requestTensor(config: ModelConfig, name: string, value: TensorValue): RequestTensor {
  const input = config.input.find(one => one.name === name);
  if (!input)
    throw invalid(
      `unexpected inference input '${name}' for model '${config.name}', which has ${config.input.map(one => `'${one.name}'`).join(", ")}`,
    );
  const { reshape: _, ...declared } = input;
  const scalar = typeof value !== "object" || value instanceof Uint8Array;
  const sizes = input.dims.map(dim => (dim === -1 ? 1 : dim));
  const lead = config.max_batch_size > 0 ? [scalar && input.data_type !== "TYPE_UINT8" ? 1 : -1] : [];
  try {
    return writeTensor({ ...declared, label_filename: "" }, value, lead, sizes);
  } catch (error) {
    if (!(error instanceof RuntimeFault)) throw error;
    throw invalid(error.message.replace(/^output '/, "input '"), { cause: error });
  }
}
