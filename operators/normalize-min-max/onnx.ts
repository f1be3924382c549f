/** Numbers → (x − min) / (max − min), or 0.5 where the fitted column was constant. */
import { cast, div, notANumber, scalar, sub, where } from "../../compiler/onnx/elementary.js";
import { like, toFloat64 } from "../shared/onnx/lowered-column.js";
import type { Lowering } from "../shared/onnx/lowering.js";

export const normalizeMinMax: Lowering<"normalizeMinMax"> = (step, { input = [] }, { g }) =>
  input.map((col, i) => {
    const { min, max } = step.state!.columns[step.inputs.input![i]!.name]!;
    const floats = toFloat64(g, col);
    const number = (x: number) => scalar(g, "float64", x);
    const scaled =
      max - min > 0
        ? div(g, sub(g, floats, number(min)), number(max - min))
        : where(g, notANumber(g, floats), floats, number(0.5));
    return like(col, step.params.outDtype, cast(g, scaled, step.params.outDtype));
  });
