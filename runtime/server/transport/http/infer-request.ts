/**
 * The body of an HTTP inference request → the data plane's request and the form of each output; checks and texts of Triton's front end.
 */

import { DATATYPES, type DatatypeRow, wireDatatype } from "../../../../triton-protos/datatype.js";
import type { ModelConfig } from "../../../../triton-protos/model-config.js";
import type { Cancellation } from "../../../base/cancellation.js";
import { internal, refuse } from "../../../base/errors.js";
import { SHORT, type Sliced } from "../../../base/slices.js";
import { type Json, type JsonObject, JsonReader, type ReadLimits } from "../../../wire/json/json.js";
import { type Kept, membersOf, SCALAR, SCALARS } from "../../../wire/json/json-kept.js";
import type { Allocated } from "../../../wire/json/list-memory.js";
import type { OutputWish, RequestTensor } from "../../contract.js";
import { requestPrefix } from "../../requests/request-prefix.js";
import type { RegionPart, Regions } from "../../requests/shared-memory.js";
import { asArray, asBoolean, asText, asUnsigned, isObject, member } from "./access.js";
import { jsonTooLarge, rawTooLarge } from "./body.js";
import type { HttpInferRequest } from "./http-infer-request.js";
import { readHttpParameters } from "./parameters.js";
import { rawRequest } from "./raw-request.js";
import { type DataLimits, isBytes, readData } from "./read-elements.js";

/** Default: lists and values without a bound. */
export interface BodyLimits extends ReadLimits, DataLimits {
  readonly memory: Regions;
  /** Takes the bytes of regions that are read. */
  readonly allocated?: Allocated;
}

/** Bytes of JSON that are read, and tensors that are looked at, between two pauses. */
export const BYTES_AT_A_TIME = 2 ** 14;
const TENSORS_AT_A_TIME = 64;
const REGION_AT_A_TIME = 2 ** 20;
/** Dimensions of a tensor, and tensors of a request. */
const MOST_DIMS = 1024;
const MOST_TENSORS = 2 ** 12;
/** Characters of a request's id, which messages repeat. */
const LONGEST_ID = 2 ** 16;

const TENSORS = (members: Readonly<Record<string, Kept>>): Kept => ({
  items: membersOf(members),
  mostItems: MOST_TENSORS,
});
/** The kept parts of a request. */
const REQUEST = membersOf({
  id: SCALAR,
  parameters: SCALARS,
  inputs: TENSORS({
    name: SCALAR,
    shape: { items: SCALAR, mostItems: MOST_DIMS },
    datatype: { likely: DATATYPES.map(({ wire }) => wire) },
    data: { isData: true },
    parameters: SCALARS,
  }),
  outputs: TENSORS({ name: SCALAR, parameters: SCALARS }),
});

const EMPTY: JsonObject = new Map();

/**
 * @param jsonLength bytes of JSON at the front of the body; undefined when the header is absent
 * @returns the request, or the work that reads it where that takes a while
 * @throws RuntimeFault
 */
export function readInferRequest(
  body: Buffer,
  jsonLength: number | undefined,
  config: ModelConfig,
  limits: BodyLimits,
  signal: Cancellation,
): HttpInferRequest | Sliced<HttpInferRequest> {
  const { maxInputSize } = limits;
  if (jsonLength === 0 || body.length === 0) {
    if (body.length > maxInputSize) throw rawTooLarge(body.length, maxInputSize);
    return rawRequest(body, config, signal);
  }
  if ((jsonLength ?? body.length) > maxInputSize) throw jsonTooLarge(jsonLength ?? body.length, maxInputSize);
  const reader = new JsonReader(jsonLength === undefined ? body : body.subarray(0, jsonLength), REQUEST, limits);
  const blob = jsonLength === undefined ? EMPTY_BLOB : body.subarray(jsonLength);
  if (body.length > SHORT) return readLong(reader, blob, config, limits, signal);
  reader.read();
  const request = new RequestReader(reader.value, blob, config, limits);
  while (!request.hasInputs) {
    const work = request.readInput();
    // A short body can name a long region.
    if (work) return readRest(request, work, signal);
  }
  while (!request.hasOutputs) request.readOutput();
  return request.result(signal);
}

function* readLong(
  reader: JsonReader,
  blob: Buffer,
  config: ModelConfig,
  limits: BodyLimits,
  signal: Cancellation,
): Sliced<HttpInferRequest> {
  while (!reader.read(BYTES_AT_A_TIME)) yield;
  return yield* readRest(new RequestReader(reader.value, blob, config, limits), undefined, signal);
}

/** @param first work of the input that was read last */
function* readRest(
  request: RequestReader,
  first: Sliced<void> | undefined,
  signal: Cancellation,
): Sliced<HttpInferRequest> {
  if (first) yield* first;
  for (let i = 1; !request.hasInputs; i++) {
    const work = request.readInput();
    if (work) yield* work;
    if (i % TENSORS_AT_A_TIME === 0) yield;
  }
  for (let i = 1; !request.hasOutputs; i++) {
    request.readOutput();
    if (i % TENSORS_AT_A_TIME === 0) yield;
  }
  return request.result(signal);
}

/** A request that is read tensor by tensor. */
class RequestReader {
  readonly #config: ModelConfig;
  readonly #limits: BodyLimits;
  readonly #id: string;
  readonly #parameters: ReturnType<typeof readHttpParameters>;
  readonly #blob: Buffer;
  /** In the blob: the start of the next binary tensor. */
  #at = 0;
  readonly #givenInputs: (Json | undefined)[];
  readonly #inputs: RequestTensor[] = [];
  #names: Set<string> | undefined;
  #givenOutputs: readonly Json[] | undefined;
  readonly #outputs = new Map<string, WantedOutput>();
  #wishes: Map<string, OutputWish> | undefined;
  #outputsRead = 0;

  constructor(json: Json, blob: Buffer, config: ModelConfig, limits: BodyLimits) {
    const members = isObject(json) ? json : EMPTY;
    const id = members.get("id");
    this.#id = id === undefined ? "" : requestId(id);
    this.#parameters = readHttpParameters(members.get("parameters"));
    this.#givenInputs = asArray(member(json, "inputs"), "inputs") as Json[];
    this.#givenOutputs = members.get("outputs") as readonly Json[] | undefined;
    this.#blob = blob;
    this.#config = config;
    this.#limits = limits;
  }

  get hasInputs(): boolean {
    if (this.#inputs.length < this.#givenInputs.length) return false;
    if (this.#at !== this.#blob.length) refuse(`unexpected additional input data for model '${this.#config.name}'`);
    return true;
  }

  get hasOutputs(): boolean {
    return this.#givenOutputs === undefined || this.#outputsRead === asArray(this.#givenOutputs, "outputs").length;
  }

  /** @returns what is left to do before the next one, where that takes a while */
  readInput(): Sliced<void> | undefined {
    const index = this.#inputs.length;
    const input = this.#givenInputs[index]!;
    // Its values are dropped once they are tensors.
    this.#givenInputs[index] = undefined;
    const source = readSource(input);
    const name = asText(member(input, "name"), "name");
    const datatype = asText(member(input, "datatype"), "datatype");
    const shape = asArray(member(input, "shape"), "shape").map(readDim);
    const data = this.#readSource(source, wireDatatype(datatype), shape, name);
    if (!isBytes(data)) return this.#addLater(name, datatype, shape, data);
    this.#add({ name, datatype, shape, data });
    return undefined;
  }

  #readSource(
    { data, binarySize, region }: Source,
    row: DatatypeRow | undefined,
    shape: readonly number[],
    name: string,
  ): Uint8Array | Sliced<Uint8Array> {
    if (data !== undefined) return readData(data, row, shape, name, this.#limits);
    if (binarySize !== undefined) return this.#takeBlob(asUnsigned(binarySize, "binary_data_size"), name);
    const part = readPart(region!, this.#limits.memory);
    // A few bytes can name a large region over and over: no model sees more inputs than it has.
    if (this.#inputs.length >= this.#config.input.length) return NO_DATA;
    this.#limits.allocated?.(part.size);
    return part.size <= REGION_AT_A_TIME ? part.read() : readRegion(part);
  }

  #takeBlob(given: number | bigint, name: string): Buffer {
    const size = Number(given);
    const end = this.#at + size;
    const { length } = this.#blob;
    if (end > length)
      refuse(
        `unexpected size for input '${name}', expecting ${BigInt(given) - BigInt(length - this.#at)} additional bytes for model '${this.#config.name}'`,
      );
    this.#at = end;
    return this.#blob.subarray(end - size, end);
  }

  *#addLater(name: string, datatype: string, shape: readonly number[], data: Sliced<Uint8Array>): Sliced<void> {
    this.#add({ name, datatype, shape, data: yield* data });
  }

  #add(tensor: RequestTensor): void {
    const { name } = tensor;
    const inputs = this.#inputs;
    if (inputs.length >= FEW) this.#names ??= new Set(inputs.map(input => input.name));
    if (this.#names ? this.#names.has(name) : inputs.some(input => input.name === name))
      refuse(`${requestPrefix(this.#id)}input '${name}' already exists in request`);
    this.#names?.add(name);
    inputs.push(tensor);
  }

  readOutput(): void {
    const output = this.#givenOutputs![this.#outputsRead++]!;
    const name = asText(member(output, "name"), "name");
    if (this.#outputs.has(name)) refuse(`${requestPrefix(this.#id)}output '${name}' already exists in request`);
    const wanted = readOutput(output, this.#limits.memory);
    if (wanted.wish) {
      this.#wishes ??= new Map();
      this.#wishes.set(name, wanted.wish);
    }
    this.#outputs.set(name, wanted);
  }

  result(signal: Cancellation): HttpInferRequest {
    const outputs = this.#outputs;
    const { parameters, binaryOutput } = this.#parameters;
    return {
      request: {
        id: this.#id,
        parameters,
        inputs: this.#inputs,
        outputs: outputs.size === 0 ? NO_OUTPUTS : [...outputs.keys()],
        wishes: this.#wishes ?? NO_WISHES,
        signal,
      },
      isBinary: name => outputs.get(name)?.binary ?? (outputs.size === 0 && binaryOutput),
    };
  }
}

/** Names that are looked up faster in a list. */
const FEW = 8;
const NO_WISHES: ReadonlyMap<string, OutputWish> = new Map();
const NO_OUTPUTS: readonly string[] = [];
const NO_DATA = new Uint8Array(0);
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

function* readRegion(part: RegionPart): Sliced<Uint8Array> {
  const data = Buffer.allocUnsafe(part.size);
  for (let from = 0; from < part.size; from += REGION_AT_A_TIME) {
    part.readPart(data, from, Math.min(part.size, from + REGION_AT_A_TIME));
    yield;
  }
  return data;
}

/** A dimension as Triton's int64: one of 2^63 and more is negative. */
function readDim(json: Json): number {
  const dim = asUnsigned(json, "shape");
  return typeof dim === "number" ? dim : Number(BigInt.asIntN(64, dim));
}

interface Source {
  readonly data?: Json;
  readonly binarySize?: Json;
  readonly region?: JsonObject;
}

/** The source of an input's elements: exactly one of three. */
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
  if (size !== undefined) return { binarySize: size };
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

function readPart(parameters: JsonObject, memory: Regions): RegionPart {
  const size = (key: string): bigint => BigInt(asUnsigned(parameters.get(key) ?? 0, key));
  return memory.part(
    asText(parameters.get("shared_memory_region")!, "shared_memory_region"),
    size("shared_memory_offset"),
    size("shared_memory_byte_size"),
  );
}

interface WantedOutput {
  readonly binary: boolean;
  readonly wish?: OutputWish;
}

function readOutput(output: Json, memory: Regions): WantedOutput {
  const given = isObject(output) ? output.get("parameters") : undefined;
  if (!isObject(given)) return AS_JSON;
  const binary = given.get("binary_data");
  if (given.has("shared_memory_region") && given.has("classification"))
    refuse("Output can't set both 'shared_memory_region' and 'classification'");
  // The official client writes `false` beside a region.
  if (given.has("shared_memory_region") && binary === true)
    refuse("Output can't set both 'shared_memory_region' and 'binary_data'");
  const region = given.has("shared_memory_region") ? readPart(given, memory) : undefined;
  const classes = readClasses(given.get("classification"));
  const wish = region ? { region } : classes > 0 ? { classes } : undefined;
  return { binary: binary === undefined ? false : asBoolean(binary, "binary_data"), ...(wish && { wish }) };
}

const AS_JSON: WantedOutput = { binary: false };

const isWhole = (json: Json): json is number => Number.isInteger(json) && (json as number) >= 0;

/** The number of requested classes; 0 for the output itself. */
function readClasses(json: Json | undefined): number {
  if (json === undefined) return 0;
  // Triton keeps 32 bits.
  if (typeof json === "bigint" && json >= 0n) return Number(BigInt.asUintN(32, json));
  if (isWhole(json)) return json % 2 ** 32;
  throw internal("Unable to set 'classification': attempt to access JSON non-unsigned-integer as unsigned-integer");
}
