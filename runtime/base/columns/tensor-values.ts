/**
 * The bytes of a tensor ↔ the values of a column. Numbers are views of the same memory where they are aligned; strings are packed and unpacked.
 */
import { type DType, datatype, wireDatatype } from "../../../triton-protos/datatype.js";
import { packStrings, unpackTexts } from "../strings.js";
import type { Tensor, TypedTensor } from "../tensor.js";
import type { Values } from "./table.js";

/**
 * @param dtype the column dtype of the tensor's wire dtype
 * @throws RuntimeFault for an element that is truncated, or not UTF-8
 */
export function tensorValues(tensor: Tensor, dtype: DType): Values {
  const { array, bytes } = datatype(dtype);
  if (!array) return unpackTexts(tensor);
  return numbersOf(tensor, array, bytes);
}

type Numbers = Exclude<Values, readonly string[]>;

/** The bytes of a tensor as numbers of an array's type, which have as many bytes each. */
export function numbersOf(
  { data }: Pick<Tensor, "data">,
  array: new (memory: ArrayBuffer, offset: number, length: number) => Numbers,
  bytes: number,
): Numbers {
  // A Buffer's own `slice` would share the memory; this copies it.
  const aligned = data.byteOffset % bytes === 0 ? data : Uint8Array.from(data);
  return new array(aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.byteLength / bytes);
}

export function valuesTensor(name: string, dtype: DType, shape: readonly number[], values: Values): Tensor {
  const { wire, array } = datatype(dtype);
  if (!array) return { name, datatype: wire, shape, data: packStrings(values as string[]) };
  const { buffer, byteOffset, byteLength } = values as Float64Array;
  return { name, datatype: wire, shape, data: new Uint8Array(buffer, byteOffset, byteLength) };
}

/** @throws RuntimeFault as `tensorValues` does */
export function typedTensor(tensor: Tensor): TypedTensor {
  const dtype = wireDatatype(tensor.datatype)!.name;
  return { name: tensor.name, dtype, shape: tensor.shape, values: tensorValues(tensor, dtype) };
}

export const wireTensor = ({ name, dtype, shape, values }: TypedTensor): Tensor =>
  valuesTensor(name, dtype, shape, values);
