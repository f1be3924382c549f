/**
 * ModelInferRequest bytes → a plain request whose tensors are views of those bytes.
 */
import type { Parameter } from "../../tensor.js";
import { type Contents, decodeContents } from "./contents.js";
import { Cursor } from "./wire.js";

/** A parameter with the field it came in, which the type checks need. `undefined`: the oneof was empty. */
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

/** @throws RuntimeFault when the bytes are not such a message */
export function decodeRequest(bytes: Buffer): WireRequest {
  const cursor = new Cursor(bytes);
  let parameters: Map<string, WireParameter> | undefined;
  const inputs: WireInput[] = [];
  const outputs: WireRequest["outputs"][number][] = [];
  const raw: Buffer[] = [];
  let [model, version, id] = ["", "", ""];
  while (!cursor.done) {
    const tag = cursor.varint();
    switch (tag) {
      case 10:
        model = cursor.text();
        break;
      case 18:
        version = cursor.text();
        break;
      case 26:
        id = cursor.text();
        break;
      case 34:
        parameters ??= new Map();
        readParameter(cursor.message(), parameters);
        break;
      case 42:
        inputs.push(readTensor(cursor.message()));
        break;
      case 50:
        outputs.push(readOutput(cursor.message()));
        break;
      case 58:
        raw.push(cursor.block());
        break;
      default:
        cursor.skip(tag & 7);
    }
  }
  return { model, version, id, parameters: parameters ?? NONE, inputs, outputs, raw };
}

/** An input of a request, or an output of an answer: their fields are the same. */
export function readTensor(cursor: Cursor): WireInput {
  let parameters: Map<string, WireParameter> | undefined;
  const shape: number[] = [];
  let [name, datatype] = ["", ""];
  let contents: Contents | undefined;
  while (!cursor.done) {
    const tag = cursor.varint();
    switch (tag) {
      case 10:
        name = cursor.text();
        break;
      case 18:
        datatype = cursor.text();
        break;
      case 24:
        shape.push(cursor.int64());
        break;
      case 26:
        for (const packed = cursor.message(); !packed.done; ) shape.push(packed.int64());
        break;
      case 34:
        parameters ??= new Map();
        readParameter(cursor.message(), parameters);
        break;
      case 42:
        contents = decodeContents(cursor.message());
        break;
      default:
        cursor.skip(tag & 7);
    }
  }
  const input = { name, datatype, shape, parameters: parameters ?? NONE };
  return contents ? { ...input, contents } : input;
}

function readOutput(cursor: Cursor): WireRequest["outputs"][number] {
  let parameters: Map<string, WireParameter> | undefined;
  let name = "";
  while (!cursor.done) {
    const tag = cursor.varint();
    if (tag === 10) name = cursor.text();
    else if (tag === 18) {
      parameters ??= new Map();
      readParameter(cursor.message(), parameters);
    } else cursor.skip(tag & 7);
  }
  return { name, parameters: parameters ?? NONE };
}

/** An entry of a `map<string, InferParameter>`. */
export function readParameter(entry: Cursor, into: Map<string, WireParameter>): void {
  let key = "";
  let value: WireParameter = { kind: "none", value: false };
  while (!entry.done) {
    const tag = entry.varint();
    if (tag === 10) key = entry.text();
    else if (tag === 18) value = readValue(entry.message());
    else entry.skip(tag & 7);
  }
  into.set(key, value);
}

function readValue(cursor: Cursor): WireParameter {
  let value: WireParameter = { kind: "none", value: false };
  while (!cursor.done) {
    const tag = cursor.varint();
    if (tag === 8) value = { kind: "bool", value: cursor.varint() !== 0 };
    else if (tag === 16) value = { kind: "int64", value: BigInt.asIntN(64, cursor.bigVarint()) };
    else if (tag === 26) value = { kind: "string", value: cursor.text() };
    else if (tag === 33) value = { kind: "double", value: cursor.take(8).readDoubleLE() };
    else if (tag === 40) value = { kind: "uint64", value: BigInt.asUintN(64, cursor.bigVarint()) };
    else cursor.skip(tag & 7);
  }
  return value;
}
