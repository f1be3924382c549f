/** Numbers → the same within bounds; integers round the bounds inwards, float32 to float32. */

import { bitXor, greater, less, max, min, scalar, where } from "../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../compiler/onnx/graph-builder.js";
import { type DType, datatype } from "../../triton-protos/datatype.js";
import { isFloat, withValues } from "../shared/onnx/lowered-column.js";
import type { Lowering } from "../shared/onnx/lowering.js";

export const clip: Lowering<"clip"> = (step, { input }, { g }) =>
  input.map(col => {
    const { min: low, max: high } = step.params;
    const values = isFloat(col)
      ? clipFloats(g, col.values, low, high)
      : clipIntegers(g, col.values, col.dtype, low, high);
    return withValues(col, col.dtype, values, col.valid);
  });

/** NaN passes. */
function clipFloats(g: GraphBuilder, values: Value, low: number | undefined, high: number | undefined): Value {
  let made = values;
  const bound = (x: number) => scalar(g, values.dtype, x);
  if (low !== undefined) made = where(g, less(g, made, bound(low)), bound(low), made);
  if (high !== undefined) made = where(g, greater(g, made, bound(high)), bound(high), made);
  return made;
}

function clipIntegers(
  g: GraphBuilder,
  values: Value,
  dtype: DType,
  low: number | undefined,
  high: number | undefined,
): Value {
  const range = rangeOf(dtype);
  const bound = (x: number, round: (x: number) => number) => {
    const exact = Number.isFinite(x) ? BigInt(round(x)) : x > 0 ? range.max : range.min;
    return orderOf(exact < range.min ? range.min : exact > range.max ? range.max : exact, dtype);
  };
  let made = ordered(g, values, dtype);
  if (low !== undefined) made = max(g, made, scalar(g, "int64", bound(low, Math.ceil)));
  if (high !== undefined) made = min(g, made, scalar(g, "int64", bound(high, Math.floor)));
  return ordered(g, made, dtype);
}

const TOP_BIT = 2n ** 63n;

/** The bits of uint64 as int64 that are in the same order: the top bit is turned. Twice is the same again. */
export const ordered = (g: GraphBuilder, values: Value, dtype: DType): Value =>
  dtype === "uint64" ? bitXor(g, values, scalar(g, "int64", -TOP_BIT)) : values;

/** The position of an integer of a dtype in that order. */
export const orderOf = (value: bigint, dtype: DType): bigint => (dtype === "uint64" ? value - TOP_BIT : value);

/** Smallest and largest integer of a dtype. */
export function rangeOf(dtype: DType): { readonly min: bigint; readonly max: bigint } {
  const { kind, bytes } = datatype(dtype);
  const bits = BigInt(bytes * 8);
  return kind === "uint"
    ? { min: 0n, max: (1n << bits) - 1n }
    : { min: -(1n << (bits - 1n)), max: (1n << (bits - 1n)) - 1n };
}
