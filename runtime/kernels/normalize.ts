/** Numeric columns -> float columns `(x - mean) / std`, or `x - mean` where the fitted column was constant. */
import { RuntimeFault } from "../errors.js";
import type { Kernel } from "../plan/kernel.js";
import { floatValues } from "./float-values.js";
import { like } from "./like.js";

export const normalize: Kernel<"normalize"> = {
  prepare(step) {
    const what = `step \`${step.id}\` (normalize)`;
    const moments = (step.inputs.input ?? []).map(({ name }) => {
      const found = step.state?.columns[name];
      if (!found)
        throw new RuntimeFault(
          "INTERNAL",
          `${what} has no mean and std of column \`${name}\`. Run \`merlon fit\` again.`,
        );
      return found;
    });
    const { outDtype } = step.params;
    return {
      run: inputs =>
        (inputs.input ?? []).map((col, c) => {
          const { mean, std } = moments[c]!;
          const floats = floatValues(col, what);
          if (std > 0) for (let i = 0; i < floats.length; i++) floats[i] = (floats[i]! - mean) / std;
          else for (let i = 0; i < floats.length; i++) floats[i] = floats[i]! - mean;
          return like(col, outDtype, outDtype === "float32" ? new Float32Array(floats) : floats);
        }),
    };
  },
};
