/** Numbers → (x − mean) / std, or x − mean where the fitted column was constant. */
import { cast, div, scalar, sub } from "../../compiler/onnx/elementary.js";
import { learntOf } from "../../contract/learnt-columns.js";
import { zip } from "../../contract/lists.js";
import { toFloat64, withValues } from "../shared/onnx/lowered-column.js";
import type { Lowering } from "../shared/onnx/lowering.js";

export const normalize: Lowering<"normalize"> = (step, { input }, { g }) =>
  zip(input, step.inputs.input).map(([col, { name }]) => {
    const { mean, std } = learntOf(step, name);
    const centred = sub(g, toFloat64(g, col), scalar(g, "float64", mean));
    const scaled = std > 0 ? div(g, centred, scalar(g, "float64", std)) : centred;
    return withValues(col, step.params.outDtype, cast(g, scaled, step.params.outDtype));
  });
