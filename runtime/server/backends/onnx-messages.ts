/**
 * The calls of a session's thread or process. Tensors travel as their numbers, whose memory moves with the message to a thread.
 */
import type * as ort from "onnxruntime-node";
import type { OwnFiles } from "./onnx-own-files.js";
import { Tensor } from "./onnx-tensor.js";

export interface SessionOrder {
  readonly file: string;
  /** The file and those beside it, where the session has copies of its own. */
  readonly copies?: OwnFiles | undefined;
  readonly options: ort.InferenceSession.SessionOptions;
}

export interface SessionRun {
  readonly feeds: PackedTensors;
  readonly wanted: readonly string[];
}

export interface SessionRan {
  readonly tensors: PackedTensors;
  /** How long the run took. */
  readonly micros: number;
}

export interface OnnxCalls {
  /** Opens the session. @throws Error with ONNX Runtime's text, as `run` does */
  open(): void;
  run(run: SessionRun): SessionRan;
}

interface PackedTensor {
  readonly name: string;
  readonly type: ort.Tensor.Type;
  readonly dims: readonly number[];
  readonly data: ort.Tensor.DataType;
}
export type PackedTensors = readonly PackedTensor[];

/** Copies: a tensor may be a view of a request's whole body, or of memory of ONNX Runtime's own. */
export function packTensors(tensors: Readonly<Record<string, ort.Tensor>>): {
  readonly tensors: PackedTensors;
  readonly moved: ArrayBuffer[];
} {
  const moved: ArrayBuffer[] = [];
  const packed = Object.entries(tensors).map(([name, { type, dims, data }]) => {
    if (Array.isArray(data)) return { name, type, dims, data };
    const own = data.slice();
    moved.push(own.buffer as ArrayBuffer);
    return { name, type, dims, data: own };
  });
  return { tensors: packed, moved };
}

export const unpackTensors = (tensors: PackedTensors): Record<string, ort.Tensor> =>
  Object.fromEntries(
    tensors.map(({ name, type, dims, data }) => [name, new Tensor(type as "float32", data as Float32Array, dims)]),
  );
