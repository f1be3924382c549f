/** One step of a plan → its columns in a graph, by the operator's lowering. */
import { mapPorts } from "../../../contract/any-step.js";
import type { OpKind } from "../../../contract/op-params.js";
import type { ColumnRef, FittedStep } from "../../../contract/plan.js";
import { LOWERINGS } from "../../../operators/lowerings.js";
import type { LoweredColumn } from "../../../operators/shared/onnx/lowered-column.js";
import { type LowerContext, type Lowering, LoweringFault } from "../../../operators/shared/onnx/lowering.js";

/** @throws LoweringFault naming an inner step of a workflow too */
export function lowerStep(
  step: FittedStep,
  columnOf: (ref: ColumnRef) => LoweredColumn,
  context: LowerContext,
): readonly LoweredColumn[] {
  const lowering = LOWERINGS[step.op];
  const here: LowerContext = {
    ...context,
    fail: (reason, way) => {
      throw new LoweringFault(`step \`${step.label}\` (${step.op}) can't be lowered to ONNX: ${reason}`, way);
    },
  };
  if ("notLowered" in lowering) return here.fail(lowering.notLowered, lowering.way);
  return (lowering as Lowering<OpKind>)(step, mapPorts(step, columnOf), here);
}
