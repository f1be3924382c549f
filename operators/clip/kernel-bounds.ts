/**
 * Clip's parameters and a dtype → the bounds in that dtype. Integers round inwards (a minimum of 0.5 is 1), float32 rounds to float32, and
 * a bound outside the dtype becomes the nearest value inside it. Kernel and SQL form share them.
 */

import type { OpParams } from "../../contract/op-params.js";
import { type DType, datatype } from "../../triton-protos/datatype.js";
import { integerRange } from "../shared/kernel/integer-range.js";

export interface ClipBounds<T> {
  readonly min: T | undefined;
  readonly max: T | undefined;
}

/** Bounds of a float dtype. */
export function floatBounds({ min, max }: OpParams["clip"], dtype: DType): ClipBounds<number> {
  const to = datatype(dtype).bytes === 4 ? Math.fround : (x: number) => x;
  return { min: min === undefined ? undefined : to(min), max: max === undefined ? undefined : to(max) };
}

/** Bounds of an integer dtype, exact beyond 2^53. An infinite bound is none. */
export function integerBounds({ min, max }: OpParams["clip"], dtype: DType): ClipBounds<bigint> {
  const range = integerRange(dtype)!;
  const within = (x: number | undefined, round: (x: number) => number): bigint | undefined => {
    if (x === undefined) return undefined;
    if (!Number.isFinite(x)) return x > 0 ? range.max : range.min;
    const exact = BigInt(round(x));
    return exact < range.min ? range.min : exact > range.max ? range.max : exact;
  };
  return { min: within(min, Math.ceil), max: within(max, Math.floor) };
}
