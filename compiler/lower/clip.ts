/** Numbers → the same within bounds; integers round the bounds inwards, float32 to float32. */
import { type DType, datatype } from "../../triton-protos/datatype.js";
import { cast, greater, less, max, min, scalar, where } from "../onnx/elementary.js";
import type { GraphBuilder, Value } from "../onnx/graph-builder.js";
import { isFloat, like } from "./lowered-column.js";
import type { Lowering } from "./lowering.js";

export const clip: Lowering<"clip"> = (step, { input = [] }, { g }) =>
  input.map(col => {
    const { min: low, max: high } = step.params;
    const values = isFloat(col)
      ? clipFloats(g, col.values, low, high)
      : clipIntegers(g, col.values, col.dtype, low, high);
    return like(col, col.dtype, values, col.valid);
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
  const kind: DType = dtype === "uint64" ? "uint64" : "int64";
  const range = rangeOf(dtype);
  const bound = (x: number, round: (x: number) => number) => {
    const exact = Number.isFinite(x) ? BigInt(round(x)) : x > 0 ? range.max : range.min;
    return scalar(g, kind, exact < range.min ? range.min : exact > range.max ? range.max : exact);
  };
  let made = cast(g, values, kind);
  if (low !== undefined) made = max(g, made, bound(low, Math.ceil));
  if (high !== undefined) made = min(g, made, bound(high, Math.floor));
  return cast(g, made, "int64");
}

/** Smallest and largest integer of a dtype. */
export function rangeOf(dtype: DType): { readonly min: bigint; readonly max: bigint } {
  const { kind, bytes } = datatype(dtype);
  const bits = BigInt(bytes * 8);
  return kind === "uint"
    ? { min: 0n, max: (1n << bits) - 1n }
    : { min: -(1n << (bits - 1n)), max: (1n << (bits - 1n)) - 1n };
}
