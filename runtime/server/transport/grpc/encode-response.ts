/**
 * The data plane's response → ModelInferResponse and ModelStreamInferResponse as gRPC frames. The bytes of a small tensor are copied once,
 * those of a large one not at all.
 */

import type { Parameter } from "../../../base/tensor.js";
import { BackWriter } from "../../../wire/grpc/back-writer.js";
import { type FramePieces, frameWithRaw, rawSize } from "../../../wire/grpc/frame-with-raw.js";
import { PREFIX } from "../../../wire/grpc/framing.js";
import { writeParameter } from "../../../wire/grpc/parameters.js";
import type { InferResponse } from "../../contract.js";

export type { FramePieces } from "../../../wire/grpc/frame-with-raw.js";

// Messages are written without a pause, so one writer serves all.
const writer = new BackWriter();

export const encodeResponse = (response: InferResponse): FramePieces => {
  writer.reset();
  return finish(response, false);
};

/** @param final false for an answer of a decoupled model that may not be the last */
export function encodeStreamResponse(response: InferResponse, final = true): FramePieces {
  writer.reset();
  return finish(response, true, final);
}

/** A fault inside a stream: the text, and an empty answer that carries the request's id (and, once a backend had it, the model). */
export function encodeStreamFault(message: string, id: string, model = "", final = true): FramePieces {
  writer.reset();
  writeEmptyAnswer(id, model, final);
  if (message) writer.text(1, message);
  return framed();
}

/** The end of a decoupled model's answers, for a client that requested it. */
export function encodeStreamEnd(id: string, model: string): FramePieces {
  writer.reset();
  writeEmptyAnswer(id, model, true);
  return framed();
}

function writeEmptyAnswer(id: string, model: string, final: boolean): void {
  if (model) writeParameter(writer, FINAL, final);
  if (id) writer.text(3, id);
  if (model) writer.text(1, model);
  writer.head(2, writer.length);
}

const FINAL = "triton_final_response";

function framed(): FramePieces {
  const out = Buffer.allocUnsafe(PREFIX + writer.length);
  writer.copyTo(out, PREFIX);
  out[0] = 0;
  out.writeUInt32BE(writer.length, 1);
  return [out];
}

/** Everything but the tensors' bytes is written back to front; they follow, each with its head. */
function finish(response: InferResponse, stream: boolean, final?: boolean): FramePieces {
  const { outputs } = response;
  const raw = stream ? rawSize(outputs) : 0;
  for (let i = outputs.length - 1; i >= 0; i--) {
    const { name, datatype, shape } = outputs[i]!;
    const before = writer.length;
    writer.shape(3, shape);
    writer.text(2, datatype);
    if (name) writer.text(1, name);
    writer.head(5, writer.length - before);
  }
  if (final !== undefined) writeParameter(writer, FINAL, final);
  writeParameters(response.parameters);
  if (response.id) writer.text(3, response.id);
  writer.text(2, String(response.version));
  if (response.model) writer.text(1, response.model);
  if (stream) writer.head(2, writer.length + raw);
  return frameWithRaw(writer, RAW_TAG, outputs);
}

/** Field 6, bytes. */
const RAW_TAG = 6 * 8 + 2;

function writeParameters(parameters: Iterable<readonly [string, Parameter]>): void {
  const all = [...parameters];
  for (let i = all.length - 1; i >= 0; i--) writeParameter(writer, all[i]![0], all[i]![1]);
}
