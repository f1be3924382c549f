/**
 * Tensors as they travel: a name, a wire dtype, a shape, and the bytes of Triton's raw form. Transports turn typed contents and JSON
 * into this; backends view the bytes and never copy without need.
 */
import type { DType, Values, WireType } from "../../triton-protos/datatype.js";

export interface Tensor {
  readonly name: string;
  readonly datatype: WireType;
  /** Full shape, the batch dimension included. */
  readonly shape: readonly number[];
  /** Little-endian elements, row-major; BYTES: each element is a uint32 length and its bytes. */
  readonly data: Uint8Array;
}

/** A tensor whose elements are values of their dtype, as kernels and ONNX Runtime have them: for calls that need no bytes. */
export interface TypedTensor {
  readonly name: string;
  readonly dtype: DType;
  /** Full shape, the batch dimension included. */
  readonly shape: readonly number[];
  readonly values: Values;
}

/** A request or response parameter. */
export type Parameter = boolean | number | bigint | string;

export const elementCount = (shape: readonly number[]): number => {
  let n = 1;
  for (const dim of shape) n *= dim;
  return n;
};
