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
    if (at + 4 > view.byteLength)
      refuse(
        `${prefix}incomplete string length indicator for inference input '${name}' for model '${model}', expecting 4 bytes but only ${view.byteLength - at} bytes available. Please make sure the string length indicator is in one buffer.`,
      );
    if (count >= expected)
      refuse(
        `${prefix}unexpected number of string elements ${count + 1} for inference input '${name}' for model '${model}', expecting ${expected}`,
      );
    // An element that is cut off is for the backend to refuse, if it reads elements at all.
    at += 4 + view.getUint32(at, true);
    count++;
  }
  if (count !== expected)
    refuse(
      `${prefix}expected ${expected} string elements for inference input '${name}' for model '${model}', got ${count}`,
    );
}
