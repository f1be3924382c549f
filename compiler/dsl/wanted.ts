/**
 * The faults of an operator that reads columns by name and dtype: a sentence for each missing column.
 */
import type { IsUnknown, Keep, NameOf } from "./column.js";

type Integer = "int8" | "int16" | "int32" | "int64" | "uint8" | "uint16" | "uint32" | "uint64";
type Float = "float16" | "float32" | "float64";

/** The dtypes that may be cast to one without surprise; the value-level twin is `castable` of predict-onnx. */
type CastableTo<D extends string> = D extends "int32" | "int64"
  ? D | Integer | "bool"
  : D extends "float32" | "float64"
    ? Float | "bool"
    : D extends "float16"
      ? Float
      : D;

/** The types a tensor takes: `float32[]` any vector, `?` anything. */
export type TakenBy<T extends string> = T extends "?"
  ? string
  : T extends `${infer D}[]`
    ? `${CastableTo<D>}[${number}]`
    : T extends `${infer D}[${infer N}]`
      ? `${CastableTo<D>}[${N}]`
      : CastableTo<T>;

/**
 * Column C, a vector of a width that only the compiler works out (`float32[${number}]` of `listSlice`), treated as one of the width that T
 * requires.
 */
export type Settled<T extends string, C extends string> = C extends `${infer D}[${infer N}] ${infer Name}`
  ? `${number}` extends N
    ? T extends `${string}[${infer W}]`
      ? `${D}[${W}] ${Name}`
      : C
    : C
  : C;

/** A sentence per column of W that S lacks, or has with another type. `"float32 age"` of S is not a fault, however many columns S has. */
export type Lacking<Reader extends string, W extends string, S extends string> =
  IsUnknown<S> extends true
    ? never
    : Exclude<W, S> extends infer U
      ? U extends `${string} ${infer N}`
        ? N extends NameOf<S>
          ? `${Reader} needs column "${U}", but upstream provides "${Keep<S, N>}"`
          : `${Reader} needs column "${U}", which nothing upstream provides`
        : never
      : never;

/** A sentence unless S is one column. */
export type NotOne<Op extends string, S extends string> =
  IsUnknown<S> extends true
    ? never
    : [S] extends [never]
      ? `${Op} takes one column, and gets none`
      : IsUnion<S> extends true
        ? `${Op} takes one column, and gets several`
        : never;

/** True for a union of several. */
export type IsUnion<S, All = S> = [S] extends [never]
  ? false
  : S extends S
    ? [All] extends [S]
      ? false
      : true
    : never;
