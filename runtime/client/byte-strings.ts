/**
 * BYTES tensors without Node's Buffer, for browsers too: each element is a little-endian uint32 length and its bytes.
 */
import { ProtocolError } from "./client-error.js";

const encoder = new TextEncoder();
// Replacement characters would lose data silently.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function packByteStrings(items: readonly (string | Uint8Array)[]): Uint8Array {
  // A UTF-16 unit takes three bytes at most.
  let most = 0;
  for (const item of items) most += 4 + (typeof item === "string" ? item.length * 3 : item.length);
  const out = new Uint8Array(most);
  const view = new DataView(out.buffer);
  let at = 0;
  for (const item of items) {
    const start = at + 4;
    const size = typeof item === "string" ? encoder.encodeInto(item, out.subarray(start)).written : item.length;
    if (typeof item !== "string") out.set(item, start);
    view.setUint32(at, size, true);
    at = start + size;
  }
  return out.subarray(0, at);
}

/** Views of the elements. @throws ProtocolError when one is cut off */
export function unpackBytes(raw: Uint8Array, name: string): Uint8Array[] {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const items: Uint8Array[] = [];
  for (let at = 0; at < raw.length; ) {
    const size = at + 4 <= raw.length ? view.getUint32(at, true) : Number.POSITIVE_INFINITY;
    if (at + 4 + size > raw.length)
      throw new ProtocolError("INTERNAL", `output \`${name}\`: element ${items.length} of its BYTES is cut off`);
    items.push(raw.subarray(at + 4, at + 4 + size));
    at += 4 + size;
  }
  return items;
}

/** @throws ProtocolError for an element that is not UTF-8 */
export const unpackStrings = (raw: Uint8Array, name: string): string[] =>
  unpackBytes(raw, name).map((bytes, i) => {
    try {
      return decoder.decode(bytes);
    } catch (cause) {
      throw new ProtocolError(
        "INTERNAL",
        `output \`${name}\`: element ${i} is not UTF-8 text; read \`.bytes()\` instead of \`.data\``,
        { cause },
      );
    }
  });
