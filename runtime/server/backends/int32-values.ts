/**
 * A tensor of 32-bit integers → its values; an absent one has none.
 */
import type { Tensor } from "../../base/tensor.js";

export function int32Values(tensor: Tensor | undefined): Int32Array {
  if (!tensor) return new Int32Array(0);
  const { data } = tensor;
  const bytes = data.byteOffset % 4 === 0 ? data : Uint8Array.from(data);
  return new Int32Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength / 4);
}
