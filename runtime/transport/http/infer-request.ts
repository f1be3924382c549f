/**
 * The body of an HTTP inference request → the data plane's request and how each output is wanted; checks and texts of Triton's front end.
 */

import { configDatatype, type DatatypeRow, wireDatatype } from "../../../triton-protos/datatype.js";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import type { Cancellation } from "../../cancellation.js";
import type { OutputWish } from "../../data-plane/deliver.js";
import { type InferRequest, type RequestTensor, requestPrefix } from "../../data-plane/request.js";
import { RuntimeFault } from "../../errors.js";
import type { RegionPart, SharedMemory } from "../../shared-memory.js";
import type { Sliced } from "../../slices.js";
import type { Parameter } from "../../tensor.js";
import { asArray, asBoolean, asText, asUnsigned, isObject, member } from "./access.js";
import { jsonTooLarge, rawTooLarge } from "./body.js";
import { type Json, type JsonObject, JsonReader, type ReadLimits } from "./json.js";
import { type Kept, membersOf, SCALAR, SCALARS } from "./json-kept.js";
import { readHttpParameters } from "./parameters.js";
import { elementsOf, type MakeTensor } from "./read-elements.js";

export interface HttpInferRequest {
  readonly request: InferRequest;
  /** Whether an output travels as bytes after the JSON. */
  isBinary(output: string): boolean;
}

/** Default: lists and values without a bound. */
export interface BodyLimits extends ReadLimits {
  readonly memory: SharedMemory;
  readonly maxInputSize: number;
  /** Room for a tensor of so many bytes that is read out of JSON. */
  readonly makeTensor?: MakeTensor;
}

/** Bytes of JSON that are read, and tensors that are looked at, between two pauses. */
export const BYTES_AT_A_TIME = 2 ** 14;
const TENSORS_AT_A_TIME = 64;
const REGION_AT_A_TIME = 2 ** 20;
/** Dimensions of a tensor, and tensors of a request. */
const MOST_DIMS = 1024;
const MOST_TENSORS = 2 ** 16;
/** Characters of a request's id, which messages repeat. */
const LONGEST_ID = 2 ** 16;

const TENSORS = (members: Readonly<Record<string, Kept>>): Kept => ({
  items: membersOf(members),
  mostItems: MOST_TENSORS,
});
/** What is read of a request. */
const REQUEST = membersOf({
  id: SCALAR,
  parameters: SCALARS,
  inputs: TENSORS({
    name: SCALAR,
    shape: { items: SCALAR, mostItems: MOST_DIMS },
    datatype: SCALAR,
    data: { isData: true },
    parameters: SCALARS,
  }),
  outputs: TENSORS({ name: SCALAR, parameters: SCALARS }),
});

const refuse = (text: string): never => {
  throw new RuntimeFault("INVALID_ARGUMENT", text);
};
const EMPTY: JsonObject = new Map();
/** Counts and sizes are int64 in Triton, which says of larger ones that they overflow. */
const MAX_INT64 = 2n ** 63n - 1n;
const INT64_END = 2 ** 63;

/**
 * @param jsonLength bytes of JSON at the front of the body; undefined when the header is absent
 * @throws RuntimeFault
 */
export function* readInferRequest(
  body: Buffer,
  jsonLength: number | undefined,
  config: ModelConfig,
  limits: BodyLimits,
  signal: Cancellation,
): Sliced<HttpInferRequest> {
  const { maxInputSize } = limits;
  if (jsonLength === 0 || body.length === 0) {
    if (body.length > maxInputSize) throw rawTooLarge(body.length, maxInputSize);
    return rawRequest(body, config, signal);
  }
  if ((jsonLength ?? body.length) > maxInputSize) throw jsonTooLarge(jsonLength ?? body.length, maxInputSize);
  const json = yield* readJson(jsonLength === undefined ? body : body.subarray(0, jsonLength), REQUEST, limits);
  const blob = jsonLength === undefined ? EMPTY_BLOB : body.subarray(jsonLength);
  const id = isObject(json) && json.has("id") ? requestId(json.get("id")!) : "";
  const { parameters, binaryOutput } = readHttpParameters(isObject(json) ? json.get("parameters") : undefined);
  const inputs: RequestTensor[] = [];
  const names = new Set<string>();
  let at = 0;
  const takeBlob = (size: number, name: string): Buffer => {
    if (at + size > blob.length)
      refuse(
        `unexpected size for input '${name}', expecting ${at + size - blob.length} additional bytes for model '${config.name}'`,
      );
    at += size;
    return blob.subarray(at - size, at);
  };
  const given = asArray(member(json, "inputs"), "inputs") as Json[];
  for (let i = 0; i < given.length; i++) {
    const input = given[i]!;
    // Its values go as the tensors come.
    given[i] = null;
    if (inputs.length % TENSORS_AT_A_TIME === TENSORS_AT_A_TIME - 1) yield;
    const read = readInput(input, limits, takeBlob, inputs.length >= config.input.length);
    const tensor = "name" in read ? read : yield* read;
    if (names.has(tensor.name)) refuse(`${requestPrefix(id)}input '${tensor.name}' already exists in request`);
    names.add(tensor.name);
    inputs.push(tensor);
  }
  if (at !== blob.length) refuse(`unexpected additional input data for model '${config.name}'`);
  const outputs = yield* readOutputs(isObject(json) ? json.get("outputs") : undefined, id, limits.memory);
  const wishes = new Map<string, OutputWish>();
  for (const [name, { wish }] of outputs) if (wish) wishes.set(name, wish);
  return {
    request: { id, parameters, inputs, outputs: [...outputs.keys()], wishes, signal },
    isBinary: name => outputs.get(name)?.binary ?? (outputs.size === 0 && binaryOutput),
  };
}

const EMPTY_BLOB = Buffer.alloc(0);

/** @throws RuntimeFault */
export function requestId(json: Json): string {
  const id = asText(json, "id");
  if (id.length > LONGEST_ID)
    refuse(`the request's id has ${id.length} characters; at most ${LONGEST_ID} are supported`);
  return id;
}

/** @throws RuntimeFault */
export function* readJson(bytes: Buffer, kept: Kept, limits: ReadLimits): Sliced<Json> {
  const reader = new JsonReader(bytes, kept, limits);
  while (!reader.read(BYTES_AT_A_TIME)) yield;
  return reader.value;
}

/** @param isBeyond there are more inputs than the model has, so that no model will see this one */
function readInput(
  input: Json,
  limits: BodyLimits,
  takeBlob: (size: number, name: string) => Buffer,
  isBeyond: boolean,
): RequestTensor | Sliced<RequestTensor> {
  const source = readSource(input);
  const name = asText(member(input, "name"), "name");
  const datatype = asText(member(input, "datatype"), "datatype");
  const row = wireDatatype(datatype);
  const dims = asArray(member(input, "shape"), "shape");
  if (dims.length > MOST_DIMS)
    refuse(`input '${name}' has ${dims.length} dimensions; at most ${MOST_DIMS} are supported`);
  const shape = dims.map(dim => Number(asUnsigned(dim, "shape")));
  if (!row) return refuse(`invalid datatype for input ${name}`);
  if (source.region) {
    const part = readPart(source.region, limits.memory);
    // A few bytes can name a large region over and over.
    if (isBeyond) return { name, datatype, shape, data: NO_DATA };
    limits.allocated?.(part.size);
    return part.size <= REGION_AT_A_TIME
      ? { name, datatype, shape, data: part.read() }
      : withData({ name, datatype, shape }, readRegion(part));
  }
  if (source.binarySize !== undefined) return { name, datatype, shape, data: takeBlob(source.binarySize, name) };
  const data = readData(source.data!, row, shape, name, limits);
  return isBytes(data) ? { name, datatype, shape, data } : withData({ name, datatype, shape }, data);
}

function* readRegion(part: RegionPart): Sliced<Uint8Array> {
  const data = Buffer.allocUnsafe(part.size);
  for (let from = 0; from < part.size; from += REGION_AT_A_TIME) {
    part.readPart(data, from, Math.min(part.size, from + REGION_AT_A_TIME));
    yield;
  }
  return data;
}

/** Whether there is nothing left to do. */
export const isBytes = (data: Uint8Array | Sliced<Uint8Array>): data is Uint8Array => data instanceof Uint8Array;

function* withData(tensor: Omit<RequestTensor, "data">, data: Sliced<Uint8Array>): Sliced<RequestTensor> {
  return { ...tensor, data: yield* data };
}

const NO_DATA = new Uint8Array(0);

export function readData(
  data: Json,
  row: DatatypeRow,
  shape: readonly number[],
  name: string,
  limits: BodyLimits,
): Uint8Array | Sliced<Uint8Array> {
  if (!row.contents)
    return refuse(
      `receiving ${row.wire} data via JSON is not supported. Please use the binary data format for input ${name}`,
    );
  const elements = shape.length === 0 ? 0 : shape.reduce((product, dim) => product * dim, 1);
  if (elements === 0) return NO_DATA;
  if (elements >= INT64_END)
    refuse(`shape [${shape.map(BigInt)}] causes total element count to exceed maximum size of ${MAX_INT64}`);
  const size = elements * Math.max(1, row.bytes);
  if (size >= INT64_END) refuse(`byte size overflow for input '${name}'`);
  if (size > limits.maxInputSize)
    refuse(
      `JSON input '${name}' has a byte_size (${size} bytes) that exceeds the maximum allowed value of ${limits.maxInputSize} bytes. Use --http-max-input-size to increase the limit.`,
    );
  return elementsOf(data, row, elements, limits.makeTensor);
}

interface Source {
  readonly data?: Json;
  readonly binarySize?: number;
  readonly region?: JsonObject;
}

/** Where an input's elements are: exactly one of three places. */
function readSource(input: Json): Source {
  const members = isObject(input) ? input : EMPTY;
  const given = members.get("parameters");
  const parameters = isObject(given) ? given : EMPTY;
  const data = members.get("data");
  const size = parameters.get("binary_data_size");
  const region = parameters.get("shared_memory_region");
  if (Number(data !== undefined) + Number(size !== undefined) + Number(region !== undefined) !== 1)
    refuseSource(data !== undefined, size !== undefined, region !== undefined);
  if (data !== undefined) return { data };
  if (size !== undefined) return { binarySize: Number(asUnsigned(size, "binary_data_size")) };
  return { region: parameters };
}

function refuseSource(hasData: boolean, hasSize: boolean, hasRegion: boolean): never {
  const set = [hasData && "'data'", hasSize && "'binary_data_size'", hasRegion && "'shared_memory_region'"].filter(
    Boolean,
  );
  return refuse(
    `Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', 'shared_memory_region' in 'parameters'. ${
      set.length === 0 ? "But no field is set" : `But set ${set.join(" ")}`
    }`,
  );
}

function readPart(parameters: JsonObject, memory: SharedMemory): RegionPart {
  const number = (key: string): number => Number(asUnsigned(parameters.get(key) ?? 0, key));
  return memory.part(
    asText(parameters.get("shared_memory_region")!, "shared_memory_region"),
    number("shared_memory_offset"),
    number("shared_memory_byte_size"),
  );
}

interface WantedOutput {
  readonly binary: boolean;
  readonly wish?: OutputWish;
}

/** Names of the wanted outputs → how each is wanted. */
function* readOutputs(
  json: Json | undefined,
  id: string,
  memory: SharedMemory,
): Sliced<ReadonlyMap<string, WantedOutput>> {
  const outputs = new Map<string, WantedOutput>();
  if (json === undefined) return outputs;
  for (const output of asArray(json, "outputs")) {
    if (outputs.size % TENSORS_AT_A_TIME === TENSORS_AT_A_TIME - 1) yield;
    const name = asText(member(output, "name"), "name");
    if (outputs.has(name)) refuse(`${requestPrefix(id)}output '${name}' already exists in request`);
    const given = isObject(output) ? output.get("parameters") : undefined;
    const parameters = isObject(given) ? given : EMPTY;
    const binary = parameters.get("binary_data");
    if (parameters.has("shared_memory_region") && parameters.has("classification"))
      refuse("Output can't set both 'shared_memory_region' and 'classification'");
    // The official client writes `false` beside a region.
    if (parameters.has("shared_memory_region") && binary === true)
      refuse("Output can't set both 'shared_memory_region' and 'binary_data'");
    const region = parameters.has("shared_memory_region") ? readPart(parameters, memory) : undefined;
    const classes = readClasses(parameters.get("classification"));
    const wish = region ? { region } : classes > 0 ? { classes } : undefined;
    outputs.set(name, {
      binary: binary === undefined ? false : asBoolean(binary, "binary_data"),
      ...(wish && { wish }),
    });
  }
  return outputs;
}

/** How many classes are wanted; 0 when the output itself is. */
function readClasses(json: Json | undefined): number {
  if (json === undefined) return 0;
  if (typeof json === "number" && Number.isInteger(json) && json >= 0) return json;
  throw new RuntimeFault(
    "INTERNAL",
    "Unable to set 'classification': attempt to access JSON non-unsigned-integer as unsigned-integer",
  );
}

const NO_PARAMETERS: ReadonlyMap<string, Parameter> = new Map();

/** The whole body is the one input of the model; one variable dimension is inferred. */
function rawRequest(body: Buffer, config: ModelConfig, signal: Cancellation): HttpInferRequest {
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
