/**
 * The data plane's answer → the HTTP body: JSON, and the bytes of the outputs that are wanted binary.
 */
import { isPlaced } from "../../data-plane/deliver.js";
import type { InferResponse } from "../../data-plane/request.js";
import type { Sliced } from "../../slices.js";
import type { Parameter } from "../../tensor.js";
import { ByteWriter } from "./byte-writer.js";
import { printDouble } from "./print-double.js";
import type { Room } from "./room.js";
import { quoteText, requireJson, writeElements, writeQuoted } from "./tensor-json.js";

/** Bytes of tensors up to this size are copied behind the JSON: a second write costs more than the copy. */
const ONE_PIECE = 2 ** 16;
/** Longer texts are written in parts. */
const LONG_TEXT = 2 ** 12;

export interface InferBody {
  /** In the pieces it is sent in. */
  readonly pieces: readonly Buffer[];
  /** Bytes of JSON at the front; undefined when there is nothing else. */
  readonly jsonLength?: number;
}

/** @param room where the text is written @throws RuntimeFault for a datatype that JSON cannot carry */
export function* printInferResponse(
  response: InferResponse,
  isBinary: (output: string) => boolean,
  room?: Room,
): Sliced<InferBody> {
  const blobs: Uint8Array[] = [];
  const to = new ByteWriter(room);
  /** What is not written yet: a write costs more than putting texts together. */
  let text = "{";
  if (response.id.length > LONG_TEXT) {
    to.text('{"id":');
    yield* writeQuoted(response.id, to);
    text = ",";
  } else if (response.id) text += `"id":${quoteText(response.id)},`;
  text += `"model_name":${quoteText(response.model)},"model_version":"${response.version}",`;
  const parameters = [...response.parameters];
  if (parameters.length > 0) {
    to.text(`${text}"parameters":{`);
    yield* writeParameters(parameters, to);
    text = "},";
  }
  text += '"outputs":[';
  let separator = "";
  for (const tensor of response.outputs) {
    text += `${separator}{"name":${quoteText(tensor.name)},"datatype":"${tensor.datatype}","shape":[${tensor.shape.join(",")}]`;
    separator = ",";
    if (isPlaced(tensor)) text += "}";
    else if (isBinary(tensor.name)) {
      blobs.push(tensor.data);
      text += `,"parameters":{"binary_data_size":${tensor.data.byteLength}}}`;
    } else {
      requireJson(tensor.datatype);
      to.text(`${text},"data":[`);
      yield* writeElements(tensor, to);
      text = "]}";
    }
  }
  to.text(`${text}]}`);
  const size = blobs.reduce((sum, blob) => sum + blob.byteLength, 0);
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

function* writeParameters(parameters: readonly (readonly [string, Parameter])[], to: ByteWriter): Sliced<void> {
  let separator = "";
  for (const [key, value] of parameters) {
    to.text(`${separator}${quoteText(key)}:`);
    separator = ",";
    if (typeof value === "string") yield* writeQuoted(value, to);
    else to.text(printParameter(value));
  }
}

export const printParameter = (value: Parameter): string =>
  typeof value === "string" ? quoteText(value) : typeof value === "number" ? printDouble(value) : String(value);
