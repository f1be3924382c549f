/**
 * The columns of the branch that was chosen → the same columns. Which branch that is, the run decides: it gives this step one of its two ports.
 */

import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { alone } from "../shared/kernel/take-sides.js";

export const fallback: Kernel<"fallback"> = {
  prepare: step => {
    const makesRows = step.outputs.some(col => col.rows === step.id);
    return {
      run: inputs => alone(inputs.input ?? inputs.fallback ?? [], makesRows),
    };
  },
};
