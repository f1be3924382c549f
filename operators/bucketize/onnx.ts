/** Numbers → int32: number of boundaries at or below each; null is in the last bucket. */
import { cast, int64, less, reduce, sub, unsqueeze } from "../../compiler/onnx/elementary.js";
import { zip } from "../../contract/lists.js";
import { isList, toFloat64, withValues } from "../shared/onnx/lowered-column.js";
import type { Lowering } from "../shared/onnx/lowering.js";
import { boundariesOf } from "./spec.js";

export const bucketize: Lowering<"bucketize"> = (step, { input }, { g }) =>
  zip(input, step.inputs.input).map(([col, { name }]) => {
    const own = boundariesOf(step, name);
    const axis = isList(col) ? 2 : 1;
    const above = less(g, unsqueeze(g, toFloat64(g, col), axis), g.constant("float64", [own.length], own));
    const count = reduce(g, "ReduceSum", cast(g, above, "int64"), axis);
    return withValues(col, "int32", sub(g, int64(g, own.length), count));
  });
