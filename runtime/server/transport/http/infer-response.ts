/**
 * The data plane's response → the HTTP body: JSON, and the bytes of the binary outputs.
 */

import { SHORT, type Sliced } from "../../../base/slices.js";
import type { Parameter, Tensor } from "../../../base/tensor.js";
import type { InferResponse } from "../../contract.js";
import { isPlaced } from "../../requests/deliver.js";
import { ByteWriter } from "./byte-writer.js";
import type { GrowableMemory } from "./growable-buffer.js";
import { printDouble, quoteText, requireJson, writeElements, writeFewElements, writeQuoted } from "./tensor-json.js";

/** Bytes of tensors up to this size are copied behind the JSON: a second write costs more than the copy. */
const ONE_PIECE = 2 ** 16;

export interface InferBody {
  /** In the pieces it is sent in. */
  readonly pieces: readonly Buffer[];
  /** Bytes of JSON at the front; undefined when there is nothing else. */
  readonly jsonLength?: number;
}

/**
 * @param room where the text is written
 * @returns the body, or the work that prints it where that takes a while
 * @throws RuntimeFault for a datatype that JSON cannot carry
 */
export function printInferResponse(
  response: InferResponse,
  isBinary: (output: string) => boolean,
  room?: GrowableMemory,
): InferBody | Sliced<InferBody> {
  const to = new ByteWriter(room);
  const parameters = [...response.parameters];
  if (isLong(response, parameters)) return printLong(response, parameters, isBinary, to);
  const blobs: Uint8Array[] = [];
  /** Pending text: a write costs more than joining texts. */
  let text = `{${response.id && `"id":${quoteText(response.id)},`}${printModel(response)}`;
  if (parameters.length > 0)
    text += `"parameters":{${parameters.map(([key, value]) => `${quoteText(key)}:${printParameter(value)}`).join(",")}},`;
  text += '"outputs":[';
  let separator = "";
  for (const tensor of response.outputs) {
    text += separator + printTensor(tensor);
    separator = ",";
    if (isPlaced(tensor)) text += "}";
    else if (isBinary(tensor.name)) text += pushBlob(tensor, blobs);
    else {
      requireJson(tensor.datatype);
      to.text(`${text},"data":[`);
      writeFewElements(tensor, to);
      text = "]}";
    }
  }
  to.text(`${text}]}`);
  return inPieces(to, blobs);
}

function isLong({ id, outputs }: InferResponse, parameters: Pairs): boolean {
  let bytes = id.length;
  for (const [, value] of parameters) if (typeof value === "string") bytes += value.length;
  for (const { data } of outputs) bytes += data.byteLength;
  return bytes > SHORT;
}

type Pairs = readonly (readonly [string, Parameter])[];

const printModel = ({ model, version }: InferResponse): string =>
  `"model_name":${quoteText(model)},"model_version":"${version}",`;
const printTensor = ({ name, datatype, shape }: Tensor): string =>
  `{"name":${quoteText(name)},"datatype":"${datatype}","shape":[${shape.join(",")}]`;

function pushBlob({ data }: Tensor, blobs: Uint8Array[]): string {
  blobs.push(data);
  return `,"parameters":{"binary_data_size":${data.byteLength}}}`;
}

function* printLong(
  response: InferResponse,
  parameters: Pairs,
  isBinary: (output: string) => boolean,
  to: ByteWriter,
): Sliced<InferBody> {
  const blobs: Uint8Array[] = [];
  to.text("{");
  if (response.id) {
    to.text('"id":');
    yield* writeQuoted(response.id, to);
    to.text(",");
  }
  to.text(printModel(response));
  if (parameters.length > 0) {
    let separator = '"parameters":{';
    for (const [key, value] of parameters) {
      to.text(`${separator}${quoteText(key)}:`);
      separator = ",";
      if (typeof value === "string") yield* writeQuoted(value, to);
      else to.text(printParameter(value));
    }
    to.text("},");
  }
  to.text('"outputs":[');
  let separator = "";
  for (const tensor of response.outputs) {
    to.text(separator + printTensor(tensor));
    separator = ",";
    if (isPlaced(tensor)) to.text("}");
    else if (isBinary(tensor.name)) to.text(pushBlob(tensor, blobs));
    else {
      requireJson(tensor.datatype);
      to.text(',"data":[');
      yield* writeElements(tensor, to);
      to.text("]}");
    }
  }
  to.text("]}");
  return inPieces(to, blobs);
}

/** The text, and the bytes of tensors behind it. */
function inPieces(to: ByteWriter, blobs: readonly Uint8Array[]): InferBody {
  let size = 0;
  for (const blob of blobs) size += blob.byteLength;
  if (size === 0) return { pieces: to.pieces };
  const jsonLength = to.size;
  if (size > ONE_PIECE)
    return {
      pieces: [...to.pieces, ...blobs.map(blob => Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength))],
      jsonLength,
    };
  for (const blob of blobs) to.append(blob);
  return { pieces: to.pieces, jsonLength };
}

export const printParameter = (value: Parameter): string =>
  typeof value === "string" ? quoteText(value) : typeof value === "number" ? printDouble(value) : String(value);
