/** Numbers → (x − mean) / std, or x − mean where the fitted column was constant. */
import { cast, div, scalar, sub } from "../../compiler/onnx/elementary.js";
import { like, toFloat64 } from "../shared/onnx/lowered-column.js";
import type { Lowering } from "../shared/onnx/lowering.js";

export const normalize: Lowering<"normalize"> = (step, { input = [] }, { g }) =>
  input.map((col, i) => {
    const { mean, std } = step.state!.columns[step.inputs.input![i]!.name]!;
    const centred = sub(g, toFloat64(g, col), scalar(g, "float64", mean));
    const scaled = std > 0 ? div(g, centred, scalar(g, "float64", std)) : centred;
    return like(col, step.params.outDtype, cast(g, scaled, step.params.outDtype));
  });
