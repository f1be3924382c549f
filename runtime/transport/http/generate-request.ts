/**
 * The body of a generate request, a flat JSON object → the data plane's request: members that name an input become that input, the others
 * parameters.
 */

import { configDatatype } from "../../../triton-protos/datatype.js";
import type { ModelConfig, ModelInput } from "../../../triton-protos/model-config.js";
import type { Cancellation } from "../../cancellation.js";
import type { InferRequest, RequestTensor } from "../../data-plane/request.js";
import { RuntimeFault } from "../../errors.js";
import type { Parameter } from "../../tensor.js";
import { asText, isObject } from "./access.js";
import { type BodyLimits, readData } from "./infer-request.js";
import { type Json, type JsonObject, parseJson } from "./json.js";
import { freeParameter } from "./parameters.js";

/** What steers the server elsewhere is an ordinary name here, and Triton's models don't see it. */
const STEERING = new Set(["sequence_id", "sequence_start", "sequence_end", "priority", "timeout"]);

/** @throws RuntimeFault */
export function readGenerateRequest(
  body: Buffer,
  config: ModelConfig,
  limits: BodyLimits,
  signal: Cancellation,
): InferRequest {
  const json = parseJson(body);
  if (!isObject(json)) throw new RuntimeFault("INTERNAL", "attempt to get members for non-object");
  const inputs: RequestTensor[] = [];
  const parameters = new Map<string, Parameter>();
  let id = "";
  for (const [key, value] of json) {
    const input = config.input.find(({ name }) => name === key);
    if (input) inputs.push(readInput(value, input, config, limits));
    else if (key === "id") id = asText(value, "id");
    else if (key === "parameters" && isObject(value)) addParameters(value, parameters);
    else addParameters(new Map([[key, value]]), parameters);
  }
  return { id, parameters, inputs, outputs: [], signal };
}

function addParameters(members: JsonObject, parameters: Map<string, Parameter>): void {
  for (const [key, value] of members) {
    const parameter = freeParameter(key, value);
    if (!STEERING.has(key) && !key.startsWith("triton_")) parameters.set(key, parameter);
  }
}

function readInput(value: Json, input: ModelInput, config: ModelConfig, limits: BodyLimits): RequestTensor {
  const { name } = input;
  const row = configDatatype(input.data_type)!;
  const data: Json = Array.isArray(value) ? value : [value];
  const count = (data as readonly Json[]).length;
  const dims = config.max_batch_size > 0 ? [-1, ...input.dims] : input.dims;
  const shape = count === 0 ? [] : deduceShape(dims, count, name);
  return { name, datatype: row.wire, shape, data: readData(data, row, shape, name, limits) };
}

/** Fixed dimensions take their share of the elements, the last variable one takes the rest. */
function deduceShape(dims: readonly number[], count: number, name: string): readonly number[] {
  const fixed = dims.reduce((product, dim) => (dim === -1 ? product : product * dim), 1);
  const rest = count / fixed;
  const last = dims.lastIndexOf(-1);
  if (!Number.isInteger(rest) || (last < 0 && rest !== 1))
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `The schema can not convert input '${name}' to tensor with proper shape`,
    );
  return dims.map((dim, i) => (dim !== -1 ? dim : i === last ? rest : 1));
}
