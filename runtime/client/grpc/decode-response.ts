/**
 * ModelInferResponse and ModelStreamInferResponse bytes → a client's answer, whose tensors are views of those bytes. Typed contents, which some
 * servers answer with, become raw ones.
 */

import type { Parameter } from "../../base/tensor.js";
import { packContents } from "../../wire/grpc/contents.js";
import { readParameter, readTensor, type WireInput, type WireParameter } from "../../wire/grpc/decode-request.js";
import { Cursor } from "../../wire/grpc/wire.js";
import { ProtocolError } from "../client-error.js";
import { receive } from "../tensor.js";
import type { StreamMessage, WireAnswer } from "../wire-call.js";

const NONE: ReadonlyMap<string, Parameter> = new Map();

/**
 * @param placed outputs that were requested in shared memory: they have no bytes
 * @throws RuntimeFault for bytes that are not such a message, ProtocolError for one that contradicts itself
 */
export function decodeResponse(cursor: Cursor, placed: ReadonlySet<string>): WireAnswer {
  let [model, version, id] = ["", "", ""];
  let parameters: Map<string, WireParameter> | undefined;
  const outputs: WireInput[] = [];
  const raw: Buffer[] = [];
  while (!cursor.done) {
    const tag = cursor.tag();
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
        outputs.push(readTensor(cursor.message()));
        break;
      case 50:
        raw.push(cursor.block());
        break;
      default:
        cursor.skip(tag);
    }
  }
  let next = 0;
  const tensors = outputs.map(output => {
    const { name, datatype, shape } = output;
    const bytes = raw.length > 0 ? raw[next++] : typed(output);
    if (bytes === undefined)
      throw new ProtocolError("INTERNAL", `the answer of model "${model}" has no data for output \`${name}\``);
    return receive(name, datatype, shape, bytes, placed.has(name));
  });
  return { model, version, id, parameters: parameters ? values(parameters) : NONE, outputs: tensors };
}

/** An answer of a stream. */
export function decodeStreamResponse(bytes: Buffer, placed: ReadonlySet<string>): StreamMessage {
  const cursor = new Cursor(bytes);
  let fault = "";
  let answer: WireAnswer | undefined;
  while (!cursor.done) {
    const tag = cursor.tag();
    if (tag === 10) fault = cursor.text();
    else if (tag === 18) answer = decodeResponse(cursor.message(), placed);
    else cursor.skip(tag);
  }
  answer ??= { model: "", version: "", id: "", parameters: NONE, outputs: [] };
  return fault ? { answer, fault } : { answer };
}

function typed({ name, datatype, contents }: WireInput): Uint8Array | undefined {
  if (!contents) return new Uint8Array(0);
  const packed = packContents(contents, datatype);
  if (packed instanceof Uint8Array) return packed;
  throw new ProtocolError("INTERNAL", `output \`${name}\` is ${datatype} and brings contents of ${packed.label}`);
}

const values = (wire: ReadonlyMap<string, WireParameter>): ReadonlyMap<string, Parameter> =>
  new Map([...wire].map(([key, { value }]) => [key, value]));
