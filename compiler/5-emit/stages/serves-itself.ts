/** Whether an ONNX model of the author's can be a stage of the ensemble as it is. */
import type { AnyStep } from "../../../contract/plan.js";
import { isRagged, REQUEST_ROWS } from "../../../contract/schema.js";
import type { OnnxTensor } from "../../../formats/onnx/onnx.js";
import type { ModelStage } from "../../../operators/shared/onnx/lowering.js";
import type { StageContext } from "./stage-context.js";

const isOpen = ({ shape }: OnnxTensor): boolean => typeof shape[0] !== "number";

/**
 * True if the model can read the columns as they are: same dtypes and shapes, no nulls, and at least one row. Graphs differ on zero rows, and a filter
 * may drop all candidates, so models of candidates run behind a stage.
 */
export function servesItself({ split, isMatrix, mayBeNull }: StageContext, step: AnyStep, of: ModelStage): boolean {
  if (split.entry.form !== "batched" || !of.takesColumns || of.inParts) return false;
  const signature = split.signature(step);
  const made = new Set(step.outputs.map(({ name }) => of.outputOf(name, signature.outputs)));
  return (
    signature.outputs.filter(({ name }) => made.has(name)).every(isOpen) &&
    signature.inputs.every(wanted => {
      const ref = step.inputs.input.find(one => one.name === of.columns[wanted.name]);
      if (!ref) return false;
      const { dtype, list, rows } = split.column(ref);
      const width = list ? list.min : isMatrix(ref) ? 1 : undefined;
      const [, wide] = wanted.shape;
      return (
        !isRagged({ list }) &&
        rows === REQUEST_ROWS &&
        dtype === wanted.dtype &&
        !mayBeNull(ref) &&
        isOpen(wanted) &&
        wanted.shape.length === (width === undefined ? 1 : 2) &&
        (width === undefined || typeof wide !== "number" || wide === width)
      );
    })
  );
}
