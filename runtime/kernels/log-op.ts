/** Numeric columns -> float32 columns `ln(x + 1)`, in float32 as NVTabular does: -1 gives -Infinity, below it NaN. */
import type { Kernel } from "../plan/kernel.js";
import { floatValues } from "./float-values.js";
import { like } from "./like.js";

export const logOp: Kernel<"logOp"> = {
  prepare: step => ({
    run: inputs =>
      (inputs.input ?? []).map(col => {
        const logs = new Float32Array(floatValues(col, `step \`${step.id}\` (logOp)`));
        for (let i = 0; i < logs.length; i++) logs[i] = Math.log(Math.fround(logs[i]! + 1));
        return like(col, "float32", logs);
      }),
  }),
};
