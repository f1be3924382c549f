/**
 * The body of a generate request, a flat JSON object → the data plane's request: members that name an input become that input, the others
 * parameters.
 */

import { configDatatype } from "../../../../triton-protos/datatype.js";
import type { ModelConfig, ModelInput } from "../../../../triton-protos/model-config.js";
import type { Cancellation } from "../../../base/cancellation.js";
import { internal, invalid, RuntimeFault } from "../../../base/errors.js";
import type { Sliced } from "../../../base/slices.js";
import type { Parameter } from "../../../base/tensor.js";
import { DataList, FRACTION, NEGATIVE, WHOLE } from "../../../wire/json/data-list.js";
import { type Json, type JsonObject, Members, type ReadLimits, WholeDouble } from "../../../wire/json/json.js";
import type { Kept } from "../../../wire/json/json-kept.js";
import type { ListMemory } from "../../../wire/json/list-memory.js";
import type { InferRequest, RequestTensor } from "../../contract.js";
import { declaredOf } from "../../requests/declared.js";
import { requestPrefix } from "../../requests/request-prefix.js";
import { isObject } from "./access.js";
import { readJson, requestId } from "./infer-request.js";
import { freeParameter } from "./parameters.js";
import { type DataLimits, isBytes, readData } from "./read-elements.js";

/** Parameters that control the server elsewhere are ordinary names here, and Triton's models don't see them. */
const STEERING = new Set(["sequence_id", "sequence_start", "sequence_end", "priority", "timeout"]);

/** Default: lists and values without a bound. */
export type GenerateLimits = ReadLimits & DataLimits;

/** Members that are read between two pauses. */
const MEMBERS_AT_A_TIME = 256;
/** Characters of a text that are encoded between two pauses. */
const TEXT_AT_A_TIME = 2 ** 17;
/** The fields that are read of an object: any list may be an input. */
const ANY_INPUT = { others: { isData: true }, notesRepeats: true } satisfies Kept;
const REQUEST: Kept = { ...ANY_INPUT, members: new Map([["parameters", ANY_INPUT]]) };
const NESTED = "Converting keyword: 'parameters': ";

/** @param identify takes the id, which is read before what may be wrong with the rest @throws RuntimeFault */
export function* readGenerateRequest(
  body: Buffer,
  config: ModelConfig,
  limits: GenerateLimits,
  signal: Cancellation,
  identify?: (id: string) => void,
): Sliced<InferRequest> {
  const json = yield* readJson(body, REQUEST, limits);
  const given = isObject(json) ? json.get("id") : undefined;
  const id = given === undefined ? "" : requestId(given);
  identify?.(id);
  if (!isObject(json)) throw internal("attempt to get members for non-object");
  const reader = new MembersReader(config, limits, id);
  for (const [key, value] of json) {
    if (key !== "parameters") yield* reader.read(json, key, value);
    else if (isObject(value)) yield* reader.readNested(value);
    else throw internal("Expected JSON object for keyword: 'parameters': attempt to access JSON non-object as object");
  }
  return { id, parameters: reader.parameters, inputs: [...reader.inputs.values()], outputs: [], signal };
}

/** Members that are read one by one, of the request itself and of its `parameters`: inputs, and parameters of the model. */
class MembersReader {
  readonly inputs = new Map<string, RequestTensor>();
  readonly parameters = new Map<string, Parameter>();
  readonly #known: ReadonlyMap<string, ModelInput>;
  #count = 0;

  constructor(
    readonly config: ModelConfig,
    readonly limits: GenerateLimits,
    readonly id: string,
  ) {
    this.#known = declaredOf(config).inputs;
  }

  *readNested(members: JsonObject): Sliced<void> {
    try {
      for (const [key, value] of members) yield* this.read(members, key, value);
    } catch (error) {
      throw error instanceof RuntimeFault ? new RuntimeFault(error.code, NESTED + error.message) : error;
    }
  }

  *read(members: JsonObject, key: string, value: Json): Sliced<void> {
    if (++this.#count % MEMBERS_AT_A_TIME === 0) yield;
    const input = this.#known.get(key);
    if (!input) {
      const parameter = freeParameter(key, value);
      if (!STEERING.has(key) && !key.startsWith("triton_")) this.parameters.set(key, parameter);
      return;
    }
    const tensor = yield* readInput(value, input, this.config, this.limits);
    const twice = this.inputs.has(key) ? key : this.#repeatedIn(members, key);
    if (twice !== undefined) throw invalid(`${requestPrefix(this.id)}input '${twice}' already exists in request`);
    this.inputs.set(key, tensor);
  }

  /** @returns the a repeated input before all others, if `key` is repeated at all */
  #repeatedIn(members: JsonObject, key: string): string | undefined {
    if (!(members instanceof Members) || !members.repeated.has(key)) return undefined;
    return [...members.repeated].find(name => this.#known.has(name));
  }
}

function* readInput(
  value: Json,
  input: ModelInput,
  config: ModelConfig,
  limits: GenerateLimits,
): Sliced<RequestTensor> {
  const { name } = input;
  const row = configDatatype(input.data_type)!;
  const data = value instanceof DataList ? value : yield* oneElement(value, limits.lists);
  const dims = config.max_batch_size > 0 ? [-1, ...input.dims] : input.dims;
  // No bytes are an empty tensor, whatever its lists.
  const shape = data.items === 0 || (row.bytes === 0 && data.count === 0) ? [] : deduceShape(dims, data.items, name);
  const read = readData(data, row, shape, name, limits);
  return { name, datatype: row.wire, shape, data: isBytes(read) ? read : yield* read };
}

/** A value in the place of a list of one. */
function* oneElement(value: Json, lists: ListMemory | undefined): Sliced<DataList> {
  const data = new DataList(lists);
  data.items = 1;
  if (typeof value === "string") {
    data.text();
    for (let from = 0; from < value.length; ) {
      // Not amid the two halves of a character.
      const isHigh = (value.charCodeAt(from + TEXT_AT_A_TIME - 1) & 0xfc00) === 0xd800;
      const end = from + TEXT_AT_A_TIME - Number(isHigh);
      const bytes = Buffer.from(value.slice(from, end));
      data.textBytes(bytes, 0, bytes.length);
      from = end;
      if (from < value.length) yield;
    }
  } else if (typeof value === "boolean") data.boolean(value);
  else if (typeof value === "bigint")
    data.wide(Number(BigInt.asUintN(32, value >> 32n)), Number(BigInt.asUintN(32, value)), value < 0n);
  else if (value instanceof WholeDouble) data.number(value.value, FRACTION);
  else if (typeof value === "number")
    data.number(value, !Number.isInteger(value) ? FRACTION : value < 0 ? WHOLE | NEGATIVE : WHOLE);
  else data.other();
  data.close();
  return data;
}

/** Fixed dimensions take their share of the elements, the last variable one takes the rest. */
function deduceShape(dims: readonly number[], count: number, name: string): readonly number[] {
  const fixed = dims.reduce((product, dim) => (dim === -1 ? product : product * dim), 1);
  const rest = count / fixed;
  const last = dims.lastIndexOf(-1);
  if (!Number.isInteger(rest) || (last < 0 && rest !== 1))
    throw invalid(`The schema can not convert input '${name}' to tensor with proper shape`);
  return dims.map((dim, i) => (dim !== -1 ? dim : i === last ? rest : 1));
}
