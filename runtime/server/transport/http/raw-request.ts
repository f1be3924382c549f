/**
 * A body without JSON → the one input of a model; one variable dimension is inferred from its length.
 */
import { configDatatype } from "../../../../triton-protos/datatype.js";
import type { ModelConfig } from "../../../../triton-protos/model-config.js";
import type { Cancellation } from "../../../base/cancellation.js";
import { refuse } from "../../../base/errors.js";
import type { Parameter } from "../../../base/tensor.js";
import type { RequestTensor } from "../../contract.js";
import { requestPrefix } from "../../requests/request-prefix.js";
import type { HttpInferRequest } from "./http-infer-request.js";

const NO_PARAMETERS: ReadonlyMap<string, Parameter> = new Map();

/** @throws RuntimeFault with Triton's text for a body that is not the model's one input */
export function rawRequest(body: Buffer, config: ModelConfig, signal: Cancellation): HttpInferRequest {
  const prefix = requestPrefix("");
  const [input] = config.input;
  if (config.input.length !== 1 || !input)
    return refuse(
      `${prefix}Raw request must only have 1 input (found 1) to be deduced but got ${config.input.length} inputs in '${config.name}' model configuration`,
    );
  const row = configDatatype(input.data_type)!;
  const dims = config.max_batch_size > 0 ? [1, ...input.dims] : [...input.dims];
  if (!row.array) {
    if (dims.some(dim => dim !== 1))
      refuse(`${prefix}For BYTE datatype raw input '${input.name}', the model must have input shape [1]`);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(body.length);
    return done({ name: input.name, datatype: row.wire, shape: dims, data: Buffer.concat([length, body]) });
  }
  if (dims.filter(dim => dim === -1).length > 1)
    refuse(
      `${prefix}The shape of the raw input '${input.name}' can not be deduced because there are more than one variable-sized dimension`,
    );
  const fixed = dims.reduce((product, dim) => (dim === -1 ? product : product * dim), row.bytes);
  const deduced = Math.floor(body.length / fixed);
  const promised = dims.includes(-1) ? deduced * fixed : fixed;
  if (body.length !== promised)
    refuse(
      `${prefix}input byte size mismatch for input 'raw_input' for model '${config.name}'. Expected ${promised}, got ${body.length}`,
    );
  return done({
    name: input.name,
    datatype: row.wire,
    shape: dims.map(dim => (dim === -1 ? deduced : dim)),
    data: body,
  });

  function done(tensor: RequestTensor): HttpInferRequest {
    return {
      request: { id: "", parameters: NO_PARAMETERS, inputs: [tensor], outputs: [], signal },
      isBinary: () => true,
    };
  }
}
