/**
 * Counts the elements of a BYTES tensor: nothing, or a fault with Triton's text.
 */
import { RuntimeFault } from "../errors.js";
import type { RequestTensor } from "./request.js";

export function checkStrings({ name, data }: RequestTensor, expected: number, model: string, prefix: string): void {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const refuse = (text: string): never => {
    throw new RuntimeFault("INVALID_ARGUMENT", text);
  };
  let at = 0;
  let count = 0;
  while (at < view.byteLength) {
    if (count >= expected)
      refuse(
        `${prefix}unexpected number of string elements ${count + 1} for inference input '${name}' for model '${model}', expecting ${expected}`,
      );
    if (at + 4 > view.byteLength)
      refuse(
        `${prefix}incomplete string length indicator for inference input '${name}' for model '${model}', expecting 4 bytes but only ${view.byteLength - at} bytes available. Please make sure the string length indicator is in one buffer.`,
      );
    const length = view.getUint32(at, true);
    at += 4;
    // An element that is cut off is the backend's to refuse: it has no prefix and comes after everything else.
    if (at + length > view.byteLength && count + 1 === expected)
      refuse(
        `incomplete string data for inference input '${name}', expecting string of length ${length} but only ${view.byteLength - at} bytes available`,
      );
    at += length;
    count++;
  }
  if (count !== expected)
    refuse(
      `${prefix}expected ${expected} string elements for inference input '${name}' for model '${model}', got ${count}`,
    );
}
