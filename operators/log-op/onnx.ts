/** Numbers → float32 ln(x + 1): the sum in float32, its logarithm in float64, as the kernel takes them. */
import { add, cast, scalar, unary } from "../../compiler/onnx/elementary.js";
import { toFloat64, withValues } from "../shared/onnx/lowered-column.js";
import type { Lowering } from "../shared/onnx/lowering.js";

export const logOp: Lowering<"logOp"> = (_, { input }, { g }) =>
  input.map(col => {
    const sum = add(g, cast(g, toFloat64(g, col), "float32"), scalar(g, "float32", 1));
    return withValues(col, "float32", cast(g, unary(g, "Log", cast(g, sum, "float64")), "float32"));
  });
