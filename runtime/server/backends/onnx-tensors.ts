/** Tensors of requests ⇄ tensors of ONNX Runtime: viewed, not copied, where they are aligned. */
import type * as ort from "onnxruntime-node";
import { type DType, datatype, isDType, type Values, wireDatatype } from "../../../triton-protos/datatype.js";
import { numbersOf } from "../../base/columns/tensor-values.js";
import { unsupported } from "../../base/errors.js";
import { packStrings, unpackStrings } from "../../base/strings.js";
import type { Tensor } from "../../base/tensor.js";
import type { Tensors } from "./onnx-run.js";
import { Tensor as OrtTensor } from "./onnx-tensor.js";

/** The members of a tensor in memory that the binding reads; making a `Tensor` would check all of it once more. */
export class Feed {
  readonly location = "cpu";
  readonly size: number;

  constructor(
    readonly type: DType,
    readonly data: Values,
    readonly dims: readonly number[],
  ) {
    this.size = data.length;
  }
}

/** @param plain whether the session reads plain objects: that of the package takes tensors of its own class */
export function feedsOf(inputs: ReadonlyMap<string, Tensor>, plain: boolean): Tensors {
  const feeds: Record<string, ort.Tensor> = {};
  for (const [name, tensor] of inputs) {
    const row = wireDatatype(tensor.datatype)!;
    const values = row.array ? numbersOf(tensor, row.array, row.bytes) : unpackStrings(tensor);
    feeds[name] = plain
      ? (new Feed(row.name, values, tensor.shape) as unknown as ort.Tensor)
      : new OrtTensor(row.name as "float32", values as Float32Array, tensor.shape);
  }
  return feeds;
}

export function fromOrt(name: string, tensor: ort.Tensor): Tensor {
  const dtype = namedType(name, tensor.type);
  if (!dtype.array)
    return { name, datatype: dtype.wire, shape: tensor.dims, data: packStrings(tensor.data as string[]) };
  const values = tensor.data as Uint8Array;
  return {
    name,
    datatype: dtype.wire,
    shape: tensor.dims,
    data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  };
}

/** @param output its name, for the message */
export function namedType(output: string, type: string) {
  if (isDType(type)) return datatype(type);
  throw unsupported(`output '${output}' has the element type ${type}, which has no name on the wire`);
}
