/** Numbers → (x − min) / (max − min), or 0.5 where the fitted column was constant. */
import { cast, div, notANumber, scalar, sub, where } from "../../compiler/onnx/elementary.js";
import { learntOf } from "../../contract/learnt-columns.js";
import { zip } from "../../contract/lists.js";
import { toFloat64, withValues } from "../shared/onnx/lowered-column.js";
import type { Lowering } from "../shared/onnx/lowering.js";

export const normalizeMinMax: Lowering<"normalizeMinMax"> = (step, { input }, { g }) =>
  zip(input, step.inputs.input).map(([col, { name }]) => {
    const { min, max } = learntOf(step, name);
    const floats = toFloat64(g, col);
    const number = (x: number) => scalar(g, "float64", x);
    const scaled =
      max - min > 0
        ? div(g, sub(g, floats, number(min)), number(max - min))
        : where(g, notANumber(g, floats), floats, number(0.5));
    return withValues(col, step.params.outDtype, cast(g, scaled, step.params.outDtype));
  });
