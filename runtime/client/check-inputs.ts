/**
 * Inputs as a model declares them. A wrong name, datatype or rank has a sentence as its type, which the editor shows at the mistake.
 */
import type { InputOf, ModelType, ModelTypes, TensorType } from "./model-types.js";

/** Models without types accept any inputs; the server reports errors. */
export type IsOpen<M extends ModelTypes> = string extends keyof M ? true : false;

/** The type of a model's name. */
export type ModelName<M extends ModelTypes, K extends string> =
  IsOpen<M> extends true ? K : K extends keyof M ? K : keyof M & string;

/** The model of a name. */
export type ModelAt<M extends ModelTypes, K extends string> = K extends keyof M ? M[K] : ModelType;

/** The accepted values of a datatype, for messages. */
interface Wanted {
  BOOL: "a Uint8Array, or booleans";
  UINT8: "a Uint8Array, or numbers";
  UINT16: "a Uint16Array, or numbers";
  UINT32: "a Uint32Array, or numbers";
  UINT64: "a BigUint64Array, or bigints or numbers";
  INT8: "an Int8Array, or numbers";
  INT16: "an Int16Array, or numbers";
  INT32: "an Int32Array, or numbers";
  INT64: "a BigInt64Array, or bigints or numbers";
  FP16: "a Float32Array, numbers, or bits as a Uint16Array";
  BF16: "a Float32Array, numbers, or bits as a Uint16Array";
  FP32: "a Float32Array, or numbers";
  FP64: "a Float64Array, or numbers";
  BYTES: "strings or Uint8Arrays";
}

type Rank<S extends readonly number[]> = number extends S["length"] ? "any" : `${S["length"]}`;

/** Why a value does not fit. */
type Sentence<N extends string, T extends TensorType, V> = V extends { readonly shape: readonly number[] }
  ? `input ${N} is ${T["datatype"]} of rank ${Rank<T["shape"]>}: give { shape, data } of that rank, and as data ${Wanted[T["datatype"]]}`
  : `input ${N} is ${T["datatype"]} of rank ${Rank<T["shape"]>}: give ${Wanted[T["datatype"]]}`;

type Known<M extends ModelType> = keyof M["inputs"] & string;
type Required<M extends ModelType> = {
  [N in Known<M>]: M["inputs"][N]["optional"] extends true ? never : N;
}[Known<M>];

type CheckOne<M extends ModelType, N, V> =
  N extends Known<M>
    ? V extends InputOf<M["inputs"][N]>
      ? V
      : Sentence<N, M["inputs"][N], V>
    : `this model has no input ${N & string}: it has ${Known<M>}`;

/** Inputs `I` as the model takes them. */
export type CheckInputs<M extends ModelType, I> = string extends keyof M["inputs"]
  ? Readonly<Record<string, InputOf<TensorType>>>
  : { readonly [N in keyof I]: CheckOne<M, N, I[N]> } & {
      readonly [N in Required<M> as N extends keyof I ? never : N]: InputOf<M["inputs"][N]>;
    };

/** The type of the inputs. */
export type Checked<M extends ModelType, I> = I extends CheckInputs<M, I> ? I : CheckInputs<M, I>;
