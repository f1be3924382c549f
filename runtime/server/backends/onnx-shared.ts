/**
 * A model with large weights in its own file → the same model with its weights in a shared file, which ONNX Runtime maps. From a model's own
 * file each session copies its weights.
 */
import { closeSync, readFileSync, writeSync } from "node:fs";
import { openRegularSync } from "../../../contract/files/read-regular.js";
import { moveWeights } from "../../../formats/onnx/external-weights.js";
import { contentOf } from "../../base/shared/shared-copy.js";
import { SHARED_FROM, type SharedFile, sharedFileSync } from "../../base/shared/shared-file.js";

/** Smaller ones remain in the model. */
export const LEAST = 2 ** 16;
/** The name by which the model finds its weights. */
export const WEIGHTS = "weights";

export interface SharedModel {
  /** The model without its weights. */
  readonly model: Uint8Array;
  /** The file that its weights are in, at the beginning. */
  readonly weights: SharedFile;
}

/** @returns undefined if its weights are small, or can't be shared @throws Error for a file that can't be read */
export function sharedModel(file: string): SharedModel | undefined {
  const source = openRegularSync(file, Number.POSITIVE_INFINITY);
  try {
    const { key, size, check } = contentOf(source);
    if (size < SHARED_FROM || size >= 2 ** 31) return undefined;
    const weights = sharedFileSync({
      key: `onnx 1 ${key}`,
      size,
      write: to => {
        writeModel(readFileSync(source), to);
        check();
      },
    });
    return weights && { model: modelIn(weights.bytes), weights };
  } finally {
    closeSync(source);
  }
}

/** The weights, the model, and where the model begins. @throws Error if there is nothing to share */
function writeModel(bytes: Uint8Array, to: number): void {
  const made = moveWeights(bytes, WEIGHTS, LEAST);
  if (!made || made.end < SHARED_FROM) throw new Error("its weights are small");
  for (const { from, length, to: at } of made.moved) writeAll(to, bytes.subarray(from, from + length), at);
  appendModel(to, made.model, made.end);
}

/** Writes a model behind its weights, and where it begins. @param end of the weights */
export function appendModel(to: number, model: readonly Uint8Array[], end: number): void {
  let at = end;
  for (const part of model) {
    writeAll(to, part, at);
    at += part.length;
  }
  writeAll(to, new Uint8Array(new BigUint64Array([BigInt(end)]).buffer), at);
}

export const modelIn = (bytes: Uint8Array): Uint8Array => {
  const end = bytes.length - 8;
  const start = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(end, true);
  return bytes.subarray(Number(start), end);
};

function writeAll(file: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at, position + at);
}
