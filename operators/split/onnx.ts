/** Keys → arms. A response names its arm in a parameter, which a graph does not have. */
import { KEEP, type Lowering } from "../shared/onnx/lowering.js";

export const split: Lowering<"split"> = (step, _, { fail }) =>
  fail(
    `a response names its arm in a parameter, which a graph does not have, and all ${step.params.arms.length} arms would be computed for each row`,
    `Build an ensemble of each arm, or ${KEEP}.`,
  );
