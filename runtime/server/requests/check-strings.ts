/**
 * Counts the elements of a BYTES tensor: nothing, or a fault with Triton's text. Those of a large tensor are counted in slices before the check.
 */
import type { Cancellation } from "../../base/cancellation.js";
import { RuntimeFault, refuse } from "../../base/errors.js";
import type { RequestTensor } from "../contract.js";

interface Count {
  elements: number;
  /** The start of the next element. */
  at: number;
}

/** Counts of large tensors, by their data. */
const counted = new WeakMap<Uint8Array, Count>();
const LARGE = 2 ** 20;
/** Elements of one slice: about five milliseconds. */
const SLICE = 2 ** 18;

/** @param detail of the fault where elements are missing */
export function checkStrings(
  { name, data }: RequestTensor,
  expected: number,
  model: string,
  prefix: string,
  detail?: string,
): void {
  let count = counted.get(data);
  if (!count) {
    count = { elements: 0, at: 0 };
    countStrings(data, count, expected + 1);
  }
  const { elements, at } = count;
  if (elements > expected)
    refuse(
      `${prefix}unexpected number of string elements ${expected + 1} for inference input '${name}' for model '${model}', expecting ${expected}`,
    );
  if (at < data.byteLength)
    refuse(
      `${prefix}incomplete string length indicator for inference input '${name}' for model '${model}', expecting 4 bytes but only ${data.byteLength - at} bytes available. Please make sure the string length indicator is in one buffer.`,
    );
  if (elements !== expected)
    refuse(
      `${prefix}expected ${expected} string elements for inference input '${name}' for model '${model}', got ${elements}`,
      detail === undefined ? {} : { detail },
    );
}

/**
 * Continues to count up to this number of elements. An element that is cut off counts: it is for the backend to refuse, if it reads
 * elements at all.
 */
function countStrings(data: Uint8Array, count: Count, most: number): void {
  const end = data.byteLength - 3;
  let { elements, at } = count;
  for (; at < end && elements < most; elements++)
    at += 4 + ((data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24)) >>> 0);
  count.elements = elements;
  count.at = at;
}

/** True if `countLargeStrings` is needed before the request is validated. */
export function hasLargeStrings(inputs: readonly RequestTensor[]): boolean {
  for (const { datatype, data } of inputs) if (data.byteLength >= LARGE && datatype === "BYTES") return true;
  return false;
}

/** Counts the elements of large tensors, and lets other work run in between. @throws RuntimeFault when the client left */
export async function countLargeStrings(
  inputs: readonly RequestTensor[],
  signal: Cancellation | undefined,
): Promise<void> {
  for (const { datatype, data } of inputs) {
    if (datatype !== "BYTES" || data.byteLength < LARGE) continue;
    const count: Count = { elements: 0, at: 0 };
    for (let most = SLICE; ; most += SLICE) {
      countStrings(data, count, most);
      if (count.elements < most) break;
      await new Promise(next => setImmediate(next));
      if (signal?.aborted) throw new RuntimeFault("CANCELLED", "the client left while its request was checked");
    }
    counted.set(data, count);
  }
}
