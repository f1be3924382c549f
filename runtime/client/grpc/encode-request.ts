/**
 * A client's inference request → ModelInferRequest as a gRPC frame.
 */

import { BackWriter } from "../../wire/grpc/back-writer.js";
import { type FramePieces, frameWithRaw } from "../../wire/grpc/frame-with-raw.js";
import { writeParameter } from "../../wire/grpc/parameters.js";
import type { Region, WireRequest } from "../wire-call.js";

// Messages are written without a pause, so one writer serves all.
const writer = new BackWriter();

/** Field 7, bytes. */
const RAW_TAG = 7 * 8 + 2;

/** Fields are written from the last to the first. */
export function encodeRequest({ model, version, id, parameters, inputs, outputs }: WireRequest): FramePieces {
  writer.reset();
  for (let i = outputs.length - 1; i >= 0; i--) {
    const { name, classes, region } = outputs[i]!;
    const before = writer.length;
    if (region) writeRegion(region, 2);
    if (classes !== undefined) writeParameter(writer, "classification", BigInt(classes), 2);
    writer.text(1, name);
    writer.head(6, writer.length - before);
  }
  const raw: { data: Uint8Array }[] = [];
  for (let i = inputs.length - 1; i >= 0; i--) {
    const { name, datatype, shape, data } = inputs[i]!;
    const before = writer.length;
    if (!(data instanceof Uint8Array)) writeRegion(data, 4);
    writer.shape(3, shape);
    writer.text(2, datatype);
    writer.text(1, name);
    writer.head(5, writer.length - before);
  }
  for (const { data } of inputs) if (data instanceof Uint8Array) raw.push({ data });
  for (let i = parameters.length - 1; i >= 0; i--) writeParameter(writer, parameters[i]![0], parameters[i]![1]);
  if (id) writer.text(3, id);
  if (version) writer.text(2, version);
  writer.text(1, model);
  return frameWithRaw(writer, RAW_TAG, raw);
}

/** @param field of the map */
function writeRegion({ region, byteSize, offset }: Region, field: number): void {
  if (offset > 0) writeParameter(writer, "shared_memory_offset", BigInt(offset), field);
  writeParameter(writer, "shared_memory_byte_size", BigInt(byteSize), field);
  writeParameter(writer, "shared_memory_region", region, field);
}
