/** Numbers → the same in the dtypes that the fit found; one that does not fit ends the request. */

import { and, cast, greater, guarded, less, or, scalar, where } from "../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../compiler/onnx/graph-builder.js";
import { zip } from "../../contract/lists.js";
import type { DType } from "../../triton-protos/datatype.js";
import { ordered, orderOf, rangeOf } from "../clip/onnx.js";
import { amongTaken, isFloat, isList, withValues } from "../shared/onnx/lowered-column.js";
import type { Lowering } from "../shared/onnx/lowering.js";

export const reduceDtypeSize: Lowering<"reduceDtypeSize"> = (step, { input }, { g }) =>
  zip(input, step.outputs).map(([col, { name, dtype }]) => {
    if (dtype === col.dtype) return col;
    if (isFloat(col)) return withValues(col, dtype, cast(g, col.values, dtype));
    const outside = beyond(g, col.values, col.dtype, dtype);
    const bad = col.valid ? and(g, outside, col.valid) : outside;
    const reason = `step ${step.label} (reduceDtypeSize): column ${name} holds an integer that ${dtype} can not hold`;
    const known = col.valid ? where(g, col.valid, col.values, scalar(g, "int64", 0n)) : col.values;
    return withValues(col, dtype, guarded(g, known, amongTaken(g, bad, col.rows, isList(col)), reason), col.valid);
  });

/** bool: which integers the narrower dtype can not hold. */
export function beyond(g: GraphBuilder, values: Value, from: DType, to: DType): Value {
  const [own, other] = [rangeOf(from), rangeOf(to)];
  const within = (x: bigint) => (x < own.min ? own.min : x > own.max ? own.max : x);
  const bound = (x: bigint) => scalar(g, "int64", orderOf(within(x), from));
  const keys = ordered(g, values, from);
  return or(g, less(g, keys, bound(other.min)), greater(g, keys, bound(other.max)));
}
