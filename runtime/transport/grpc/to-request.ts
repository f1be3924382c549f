/**
 * A decoded ModelInferRequest → the data plane's request; the checks of Triton's gRPC front end, in its order.
 */
import { wireDatatype } from "../../../triton-protos/datatype.js";
import type { InferRequest, RequestTensor } from "../../data-plane/request.js";
import { requestPrefix } from "../../data-plane/request.js";
import { RuntimeFault } from "../../errors.js";
import { packContents } from "./contents.js";
import type { WireInput, WireParameters, WireRequest } from "./decode-request.js";
import { readParameters } from "./parameters.js";

const refuse = (text: string): never => {
  throw new RuntimeFault("INVALID_ARGUMENT", text);
};

/** @throws RuntimeFault */
export function toRequest(wire: WireRequest, signal: AbortSignal): InferRequest {
  const { id, model } = wire;
  const parameters = readParameters(wire.parameters);
  refuseDoubles(wire.inputs, "input", id);
  refuseDoubles(wire.outputs, "output", id);
  let nextRaw = 0;
  const inputs = wire.inputs.map((input): RequestTensor => {
    checkRegion(input.name, input.parameters);
    const data =
      input.contents || wire.raw.length === 0 ? typedData(input, model, wire.raw.length > 0) : wire.raw[nextRaw++];
    if (!data) return refuse(`unable to find data for input tensor '${input.name}' for model '${model}' in request.`);
    return { name: input.name, datatype: input.datatype, shape: input.shape, data };
  });
  for (const { name, parameters: given } of wire.outputs) {
    checkRegion(name, given);
    checkClassification(given);
  }
  return { id, parameters, inputs, outputs: wire.outputs.map(({ name }) => name), signal };
}

function typedData({ name, datatype, contents }: WireInput, model: string, hasRaw: boolean): Uint8Array | undefined {
  if (!contents) return undefined;
  if (hasRaw)
    refuse(`contents field must not be specified when using raw_input_contents for '${name}' for model '${model}'`);
  const packed = packContents(contents, datatype);
  if (packed instanceof Uint8Array) return packed;
  if (packed.problem === "twice")
    return refuse(
      `unexpected explicit tensor data for input tensor '${name}' for model '${model}', binary data was already supplied.`,
    );
  const known = wireDatatype(datatype)?.wire ?? "<invalid>";
  return refuse(
    `unexpected explicit tensor data for input tensor '${name}' for model '${model}' of type '${packed.label}', expected datatype '${known}'`,
  );
}

function refuseDoubles(tensors: readonly { readonly name: string }[], side: "input" | "output", id: string): void {
  const seen = new Set<string>();
  for (const { name } of tensors) {
    if (seen.has(name)) refuse(`${requestPrefix(id)}${side} '${name}' already exists in request`);
    seen.add(name);
  }
}

/** Shared memory is not served, so that a well-formed reference names a region that does not exist. */
function checkRegion(tensor: string, parameters: WireParameters): void {
  const region = parameters.get("shared_memory_region");
  const typed = (key: string, kind: "string" | "int64"): void => {
    const value = parameters.get(key);
    if (value && value.kind !== kind)
      refuse(`invalid value type for '${key}' parameter for tensor '${tensor}', expected ${kind}_param.`);
  };
  if (!region) {
    for (const key of ["shared_memory_byte_size", "shared_memory_offset"])
      if (parameters.has(key))
        refuse(`'${key}' can not be specified without 'shared_memory_region' parameter for tensor '${tensor}'`);
    return;
  }
  typed("shared_memory_region", "string");
  if (!parameters.has("shared_memory_byte_size"))
    refuse(
      `'shared_memory_byte_size' must be specified along with 'shared_memory_region' parameter for tensor '${tensor}'`,
    );
  typed("shared_memory_byte_size", "int64");
  typed("shared_memory_offset", "int64");
  throw new RuntimeFault("NOT_FOUND", `Unable to find shared memory region: '${region.value}'`);
}

function checkClassification(parameters: WireParameters): void {
  const classes = parameters.get("classification");
  if (!classes) return;
  if (classes.kind !== "int64") refuse("invalid value type for 'classification' parameter, expected int64_param");
  if ((classes.value as bigint) <= 0n) refuse("invalid value for 'classification' parameter, expected >= 0");
  throw new RuntimeFault("UNSUPPORTED", "the classification extension is not served yet; ask for the output itself");
}
