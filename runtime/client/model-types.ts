/**
 * Models as types: what each takes and answers. `merlon typegen` writes these for a repository or a server; an ensemble's own type has them too.
 */
import type { WireType } from "../../triton-protos/datatype.js";
import type { DataOf } from "./data-of.js";
import type { Tensor } from "./tensor.js";

/** A tensor as a model declares it. `shape` is the full one: −1 is any size, and the batch dimension, if any, is first. */
export interface TensorType {
  readonly datatype: WireType;
  readonly shape: readonly number[];
  /** An input that may be left out. */
  readonly optional?: true;
}

export interface ModelType {
  readonly inputs: Readonly<Record<string, TensorType>>;
  readonly outputs: Readonly<Record<string, TensorType>>;
}

/** Models by name. */
export type ModelTypes = Readonly<Record<string, ModelType>>;

/** One value of a datatype. 64-bit integers are taken as numbers too: they are checked. */
export interface ItemOf {
  BOOL: boolean | 0 | 1;
  UINT8: number;
  UINT16: number;
  UINT32: number;
  UINT64: bigint | number;
  INT8: number;
  INT16: number;
  INT32: number;
  INT64: bigint | number;
  FP16: number;
  BF16: number;
  FP32: number;
  FP64: number;
  BYTES: string | Uint8Array;
}

/** Typed arrays that an input takes as they are. 16-bit floats: widened, or as bits. */
type Typed<D extends WireType> = D extends "BYTES"
  ? never
  : D extends "FP16" | "BF16"
    ? Float32Array | Uint16Array
    : DataOf[D];

/** Lists in lists, one for each dimension; of any depth if the type does not say how many there are. */
type Nested<T, S extends readonly unknown[]> = number extends S["length"]
  ? Deep<T>
  : S extends readonly [unknown, ...infer Rest]
    ? Rest extends readonly []
      ? readonly T[]
      : readonly Nested<T, Rest>[]
    : T;
type Deep<T> = T | readonly Deep<T>[];
type SameRank<S extends readonly unknown[]> = number extends S["length"]
  ? readonly number[]
  : { readonly [K in keyof S]: number };

/** Data with its shape. */
export interface Shaped<D extends WireType, S extends readonly number[]> {
  readonly shape: SameRank<S>;
  readonly data: Typed<D> | readonly ItemOf[D][];
}

/** Elements in Triton's raw form, with datatype and shape: sent as they are. */
export interface RawTensor {
  readonly datatype: WireType;
  readonly shape: readonly number[];
  readonly raw: Uint8Array;
}

/** A part of a registered shared memory region that holds an input, or takes an output. */
export interface RegionTensor {
  readonly region: string;
  readonly byteSize: number;
  readonly offset?: number;
  readonly datatype: WireType;
  readonly shape: readonly number[];
}

/** The accepted types of an input. */
export type InputOf<T extends TensorType> =
  | Typed<T["datatype"]>
  | ItemOf[T["datatype"]]
  | readonly ItemOf[T["datatype"]][]
  | readonly Typed<T["datatype"]>[]
  | Nested<ItemOf[T["datatype"]], T["shape"]>
  | Shaped<T["datatype"], T["shape"]>
  | RawTensor
  | RegionTensor
  | Tensor<T["datatype"]>;

/** Inputs of a model by name. */
export type InputsOf<M extends ModelType> = {
  readonly [N in keyof M["inputs"] as M["inputs"][N]["optional"] extends true ? never : N]: InputOf<M["inputs"][N]>;
} & {
  readonly [N in keyof M["inputs"] as M["inputs"][N]["optional"] extends true ? N : never]?: InputOf<M["inputs"][N]>;
};

/** Outputs of a model by name. Those that an answer may lack are optional. */
export type OutputsOf<M extends ModelType> = {
  readonly [N in keyof M["outputs"] as M["outputs"][N]["optional"] extends true ? never : N]: Tensor<
    M["outputs"][N]["datatype"],
    M["outputs"][N]["shape"]
  >;
} & {
  readonly [N in keyof M["outputs"] as M["outputs"][N]["optional"] extends true ? N : never]?: Tensor<
    M["outputs"][N]["datatype"],
    M["outputs"][N]["shape"]
  >;
};
