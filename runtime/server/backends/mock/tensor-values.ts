/**
 * Values in the form for people (a number, nested lists, a typed array) → an output's tensor. A request's tensor → values to read.
 */
import { configDatatype, wireDatatype } from "../../../../triton-protos/datatype.js";
import { fromBfloats, fromHalves, toBfloats, toHalves } from "../../../../triton-protos/float16.js";
import type { ModelConfig } from "../../../../triton-protos/model-config.js";
import { internal } from "../../../base/errors.js";
import { elementCount, type Tensor } from "../../../base/tensor.js";
import { fromModel, type ModelValues, toModel } from "../javascript/tensors.js";

type Output = ModelConfig["output"][number];
type Scalar = number | bigint | string | boolean | Uint8Array;
type TypedValues = Exclude<ModelValues, readonly unknown[]>;
/** One value for every element, all elements flat, lists in lists, or elements with their shape. */
export type TensorValue =
  | Scalar
  | TypedValues
  | readonly NestedValue[]
  | { readonly shape: readonly number[]; readonly data: TypedValues | readonly Scalar[] };
export type NestedValue = Scalar | TypedValues | readonly NestedValue[];

/** A request's tensor: BYTES as texts, FP16 and BF16 as numbers, INT64 and UINT64 as bigints. */
export interface MockTensor {
  readonly datatype: string;
  /** The batch dimension included. */
  readonly shape: readonly number[];
  readonly data: TypedValues | readonly string[];
}

export function readTensor(tensor: Tensor): MockTensor {
  const { datatype, shape } = tensor;
  const { data } = toModel(tensor);
  if (datatype === "BYTES")
    return { datatype, shape, data: (data as readonly Buffer[]).map(bytes => bytes.toString()) };
  const widen = datatype === "FP16" ? fromHalves : datatype === "BF16" ? fromBfloats : undefined;
  if (!widen) return { datatype, shape, data: data as TypedValues };
  return { datatype, shape, data: widen(data as Uint16Array) };
}

/** The dimensions that a backend gives an output; -1 for one of any size. */
export const backendDims = ({ dims, reshape }: Output): readonly number[] => reshape?.shape ?? dims;

const isTyped = (value: unknown): value is TypedValues => ArrayBuffer.isView(value) && !(value instanceof DataView);
const isShaped = (value: TensorValue): value is Extract<TensorValue, { data: unknown }> =>
  typeof value === "object" && "shape" in value;

/**
 * @param lead dimensions in front of the output's own: the batch, or none
 * @param fallback sizes for the dimensions of any size, where the value does not say
 * @throws RuntimeFault naming the output
 */
export function writeTensor(
  output: Output,
  value: TensorValue,
  lead: readonly number[],
  fallback: readonly number[],
): Tensor {
  const { wire } = configDatatype(output.data_type)!;
  const { name } = output;
  const wanted = [...lead, ...backendDims(output)];
  if (isShaped(value)) return pack(name, wire, checkShape(name, value.shape, wanted), value.data as readonly Scalar[]);
  if (!isTyped(value) && !Array.isArray(value)) {
    const shape = [...lead, ...fallback];
    return pack(name, wire, shape, new Array<Scalar>(elementCount(shape)).fill(value as Scalar));
  }
  const list = value as readonly NestedValue[];
  const isList = (item: NestedValue): item is readonly NestedValue[] =>
    Array.isArray(item) || (wire !== "BYTES" && isTyped(item));
  if (!isTyped(value) && list.some(isList)) {
    const { shape, items } = flatten(name, list, isList);
    return pack(
      name,
      wire,
      shape.length === wanted.length ? checkShape(name, shape, wanted) : solve(name, items.length, wanted),
      items,
    );
  }
  return pack(name, wire, solve(name, list.length, wanted), list as readonly Scalar[]);
}

function pack(
  name: string,
  wire: Tensor["datatype"],
  shape: readonly number[],
  data: readonly Scalar[] | TypedValues,
): Tensor {
  // `Number("text")` would be NaN, without a word.
  if (wire !== "BYTES" && Array.isArray(data)) {
    const odd = (data as readonly unknown[]).find(item => !["number", "bigint", "boolean"].includes(typeof item));
    if (odd !== undefined || data.includes(undefined as never))
      throw internal(`output '${name}' (${wire}) can't hold ${JSON.stringify(odd) ?? "undefined"}`);
  }
  const narrow = wire === "FP16" ? toHalves : wire === "BF16" ? toBfloats : undefined;
  const values =
    narrow && !(data instanceof Uint16Array) ? narrow(Array.from(data as readonly Scalar[], Number)) : data;
  try {
    return fromModel({ name, datatype: wire, shape, data: values as ModelValues });
  } catch (error) {
    throw internal(
      `output '${name}' (${wireDatatype(wire)!.wire}) can't hold what it was given: ${(error as Error).message}`,
    );
  }
}

/** The one size that is open follows from the number of elements. */
function solve(name: string, count: number, wanted: readonly number[]): readonly number[] {
  const open = wanted.filter(dim => dim === -1).length;
  const known = elementCount(wanted.filter(dim => dim !== -1));
  if (open === 0 && count === known) return wanted;
  if (open === 1 && known > 0 && count % known === 0) return wanted.map(dim => (dim === -1 ? count / known : dim));
  throw internal(
    `output '${name}' got ${count} values for the shape [${wanted}]${open > 1 ? ", which leaves more than one size open: give lists in lists, or { shape, data }" : ""}`,
  );
}

function checkShape(name: string, shape: readonly number[], wanted: readonly number[]): readonly number[] {
  if (shape.length === wanted.length && shape.every((dim, i) => wanted[i] === -1 || wanted[i] === dim)) return shape;
  throw internal(`output '${name}' got the shape [${shape}], and its configuration says [${wanted}]`);
}

function flatten(
  name: string,
  list: readonly NestedValue[],
  isList: (item: NestedValue) => item is readonly NestedValue[],
): { shape: readonly number[]; items: readonly Scalar[] } {
  const items: Scalar[] = [];
  const walk = (level: readonly NestedValue[]): readonly number[] => {
    let inner: readonly number[] | undefined;
    for (const item of level) {
      const shape = isList(item) ? walk(item) : [];
      if (!isList(item)) items.push(item as Scalar);
      if (inner && inner.join() !== shape.join())
        throw internal(`output '${name}' got lists of different lengths: [${inner}] and [${shape}]`);
      inner = shape;
    }
    return [level.length, ...(inner ?? [])];
  };
  const shape = walk(list);
  return { shape, items };
}
