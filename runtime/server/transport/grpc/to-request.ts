/**
 * A decoded ModelInferRequest → the data plane's request; the checks of Triton's gRPC front end, in its order.
 */
import { wireDatatype } from "../../../../triton-protos/datatype.js";
import type { Cancellation } from "../../../base/cancellation.js";
import { refuse } from "../../../base/errors.js";
import type { Parameter } from "../../../base/tensor.js";
import { packContents } from "../../../wire/grpc/contents.js";
import type { WireInput, WireParameters, WireRequest } from "../../../wire/grpc/decode-request.js";
import { readParameters } from "../../../wire/grpc/parameters.js";
import type { InferRequest, OutputWish, RequestTensor } from "../../contract.js";
import { requestPrefix } from "../../requests/request-prefix.js";
import type { RegionPart, Regions } from "../../requests/shared-memory.js";

/** Adds the headers that become parameters. */
export type Forward = (parameters: ReadonlyMap<string, Parameter>) => ReadonlyMap<string, Parameter>;

/** No output is named: all are requested. */
const ALL: readonly string[] = [];

/** @throws RuntimeFault */
export function toRequest(wire: WireRequest, memory: Regions, forward: Forward, signal: Cancellation): InferRequest {
  const { id, model } = wire;
  const parameters = forward(readParameters(wire.parameters));
  refuseDoubles(wire.inputs, "input", id);
  refuseDoubles(wire.outputs, "output", id);
  let nextRaw = 0;
  const inputs = wire.inputs.map((input): RequestTensor => {
    const region = readRegion(input.name, input.parameters, memory);
    if (region && input.contents)
      refuse(
        `unexpected 'content' provided when using shared memory for input tensor '${input.name}' for model '${model}'`,
      );
    const data =
      region?.read() ??
      (input.contents || wire.raw.length === 0 ? typedData(input, model, wire.raw.length > 0) : wire.raw[nextRaw++]);
    if (!data) return refuse(`unable to find data for input tensor '${input.name}' for model '${model}' in request.`);
    return { name: input.name, datatype: input.datatype, shape: input.shape, data };
  });
  if (wire.outputs.length === 0) return { id, parameters, inputs, outputs: ALL, signal };
  const wishes = new Map<string, OutputWish>();
  for (const { name, parameters: given } of wire.outputs) {
    const classes = readClasses(given);
    if (classes && given.has("shared_memory_region"))
      refuse("output can't set both 'shared_memory_region' and 'classification'");
    const region = readRegion(name, given, memory);
    if (region) wishes.set(name, { region });
    else if (classes) wishes.set(name, { classes });
  }
  return { id, parameters, inputs, outputs: wire.outputs.map(({ name }) => name), wishes, signal };
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
  if (tensors.length < 2) return;
  const seen = new Set<string>();
  for (const { name } of tensors) {
    if (seen.has(name)) refuse(`${requestPrefix(id)}${side} '${name}' already exists in request`);
    seen.add(name);
  }
}

/** The piece of shared memory that a tensor's parameters name. */
function readRegion(tensor: string, parameters: WireParameters, memory: Regions): RegionPart | undefined {
  if (parameters.size === 0) return undefined;
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
    return undefined;
  }
  typed("shared_memory_region", "string");
  if (!parameters.has("shared_memory_byte_size"))
    refuse(
      `'shared_memory_byte_size' must be specified along with 'shared_memory_region' parameter for tensor '${tensor}'`,
    );
  typed("shared_memory_byte_size", "int64");
  typed("shared_memory_offset", "int64");
  const size = (key: string): bigint => (parameters.get(key)?.value ?? 0n) as bigint;
  return memory.part(String(region.value), size("shared_memory_offset"), size("shared_memory_byte_size"));
}

/** Number of requested classes; 0 for the output itself. */
function readClasses(parameters: WireParameters): number {
  const classes = parameters.get("classification");
  if (!classes) return 0;
  if (classes.kind !== "int64") refuse("invalid value type for 'classification' parameter, expected int64_param");
  if ((classes.value as bigint) <= 0n) refuse("invalid value for 'classification' parameter, expected >= 0");
  return Number(classes.value);
}
