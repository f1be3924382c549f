/**
 * BYTES tensors: each element is a little-endian uint32 length and its bytes ↔ JavaScript strings.
 */
import { isUtf8 } from "node:buffer";
import { invalid } from "./errors.js";
import type { Tensor } from "./tensor.js";

/** @throws RuntimeFault when an element is cut off */
export function unpackStrings({ name, data }: Pick<Tensor, "name" | "data">): string[] {
  const buffer = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const strings: string[] = [];
  let at = 0;
  while (at + 4 <= buffer.length) {
    const length = buffer.readUInt32LE(at);
    at += 4;
    if (at + length > buffer.length)
      throw invalid(
        `incomplete string data for inference input '${name}', expecting string of length ${length} but only ${buffer.length - at} bytes available`,
      );
    strings.push(buffer.toString("utf8", at, at + length));
    at += length;
  }
  return strings;
}

/**
 * The same, of elements that are text: a replacement for bytes that are not text would be taken for a value.
 * @throws RuntimeFault that names the first element that is not UTF-8, too
 */
export function unpackTexts(tensor: Pick<Tensor, "name" | "data">): string[] {
  const strings = unpackStrings(tensor);
  // Only where decoding replaced something, or the text has that very character, are the bytes looked at.
  if (!strings.some(text => text.includes("\ufffd"))) return strings;
  const buffer = Buffer.from(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength);
  let at = 0;
  for (let i = 0; i < strings.length; i++) {
    const end = at + 4 + buffer.readUInt32LE(at);
    if (!isUtf8(buffer.subarray(at + 4, end)))
      throw invalid(
        `input '${tensor.name}': element ${i} is not UTF-8 text, which a column of strings requires. Send its text as UTF-8, or bytes as base64 on both sides.`,
      );
    at = end;
  }
  return strings;
}

/** Strings or byte strings → the raw form. */
export function packStrings(strings: readonly (string | Uint8Array)[]): Uint8Array {
  const size = (item: string | Uint8Array): number =>
    typeof item === "string" ? Buffer.byteLength(item) : item.length;
  let total = 0;
  for (const item of strings) total += 4 + size(item);
  const buffer = Buffer.allocUnsafe(total);
  let at = 0;
  for (const item of strings) {
    const length = size(item);
    buffer.writeUInt32LE(length, at);
    if (typeof item === "string") buffer.write(item, at + 4, "utf8");
    else buffer.set(item, at + 4);
    at += 4 + length;
  }
  return buffer;
}
