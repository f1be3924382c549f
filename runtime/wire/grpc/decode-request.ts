/**
 * ModelInferRequest bytes → a plain request whose tensors are views of those bytes.
 */
import { UNMETERED } from "../../base/memory/request-meter.js";
import type { Parameter } from "../../base/tensor.js";
import { Contents } from "./contents.js";
import { COST, SLICE } from "./limits.js";
import { Cursor } from "./wire.js";

/** A parameter with its field on the wire, which the type checks need. `undefined`: the oneof was empty. */
export interface WireParameter {
  readonly kind: "bool" | "int64" | "string" | "double" | "uint64" | "none";
  readonly value: Parameter;
}

export type WireParameters = ReadonlyMap<string, WireParameter>;

const NONE: WireParameters = new Map();

export interface WireInput {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly parameters: WireParameters;
  /** Typed contents; present when the message was, even if empty. */
  readonly contents?: Contents;
}

export interface WireRequest {
  readonly model: string;
  readonly version: string;
  readonly id: string;
  readonly parameters: WireParameters;
  readonly inputs: readonly WireInput[];
  readonly outputs: readonly { readonly name: string; readonly parameters: WireParameters }[];
  readonly raw: readonly Buffer[];
}

/**
 * @param meter counts what the request takes
 * @param large filled with contents that are better read in slices; without it they are read at once
 * @throws RuntimeFault when the bytes are not such a message, or take more than the meter allows
 */
export function decodeRequest(bytes: Buffer, meter = UNMETERED, large?: Contents[]): WireRequest {
  const cursor = new Cursor(bytes, 0, bytes.length, meter);
  let parameters: Map<string, WireParameter> | undefined;
  const inputs: WireInput[] = [];
  const outputs: WireRequest["outputs"][number][] = [];
  const raw: Buffer[] = [];
  let [model, version, id] = ["", "", ""];
  while (!cursor.done) {
    const tag = cursor.tag();
    switch (tag) {
      case 10:
        model = cursor.name();
        break;
      case 18:
        version = cursor.name();
        break;
      case 26:
        id = cursor.name();
        break;
      case 34:
        parameters ??= new Map();
        readParameter(cursor.message(), parameters);
        break;
      case 42:
        inputs.push(readTensor(cursor.message(), large));
        break;
      case 50:
        outputs.push(readOutput(cursor.message()));
        break;
      case 58:
        cursor.count(COST.raw);
        raw.push(cursor.block());
        break;
      default:
        cursor.skip(tag);
    }
  }
  return { model, version, id, parameters: parameters ?? NONE, inputs, outputs, raw };
}

/**
 * An input of a request, or an output of an answer: their fields are the same.
 * @param large where contents go that are better read in slices; without it they are read at once
 */
export function readTensor(cursor: Cursor, large?: Contents[]): WireInput {
  const { meter } = cursor;
  cursor.count(COST.tensor);
  let parameters: Map<string, WireParameter> | undefined;
  const shape: number[] = [];
  let [name, datatype] = ["", ""];
  let parts: Cursor[] | undefined;
  while (!cursor.done) {
    const tag = cursor.tag();
    switch (tag) {
      case 10:
        name = cursor.name();
        break;
      case 18:
        datatype = cursor.name();
        break;
      case 24:
        cursor.count(COST.dimension);
        shape.push(cursor.int64());
        break;
      case 26:
        for (const packed = cursor.message(); !packed.done; ) {
          meter.field();
          packed.count(COST.dimension);
          shape.push(packed.int64());
        }
        break;
      case 34:
        parameters ??= new Map();
        readParameter(cursor.message(), parameters);
        break;
      case 42:
        cursor.count(COST.part);
        parts ??= [];
        parts.push(cursor.message());
        break;
      default:
        cursor.skip(tag);
    }
  }
  const input = { name, datatype, shape, parameters: parameters ?? NONE };
  if (!parts) return input;
  const contents = new Contents(parts, datatype, meter);
  if (large && contents.size >= SLICE) large.push(contents);
  else contents.read(Number.POSITIVE_INFINITY);
  return { ...input, contents };
}

function readOutput(cursor: Cursor): WireRequest["outputs"][number] {
  cursor.count(COST.output);
  let parameters: Map<string, WireParameter> | undefined;
  let name = "";
  while (!cursor.done) {
    const tag = cursor.tag();
    if (tag === 10) name = cursor.name();
    else if (tag === 18) {
      parameters ??= new Map();
      readParameter(cursor.message(), parameters);
    } else cursor.skip(tag);
  }
  return { name, parameters: parameters ?? NONE };
}

const UNSET: WireParameter = { kind: "none", value: false };

/** An entry of a `map<string, InferParameter>`. */
export function readParameter(entry: Cursor, into: Map<string, WireParameter>): void {
  entry.count(COST.parameter);
  let key = "";
  let value = UNSET;
  while (!entry.done) {
    const tag = entry.tag();
    if (tag === 10) key = entry.name();
    else if (tag === 18) value = readValue(entry.message(), value);
    else entry.skip(tag);
  }
  into.set(key, value);
}

/** @param value what an earlier occurrence of the message set */
function readValue(cursor: Cursor, value: WireParameter): WireParameter {
  let read = value;
  while (!cursor.done) {
    const tag = cursor.tag();
    if (tag === 8) read = { kind: "bool", value: cursor.bool() };
    else if (tag === 16) read = { kind: "int64", value: BigInt.asIntN(64, cursor.uint64()) };
    else if (tag === 26) read = { kind: "string", value: cursor.text() };
    else if (tag === 33) read = { kind: "double", value: cursor.take(8).readDoubleLE() };
    else if (tag === 40) read = { kind: "uint64", value: cursor.uint64() };
    else cursor.skip(tag);
  }
  return read;
}
