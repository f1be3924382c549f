/** Numeric columns -> float columns `(x - min) / (max - min)`, or 0.5 where the fitted column was constant. */
import { RuntimeFault } from "../errors.js";
import type { Kernel } from "../plan/kernel.js";
import { floatValues } from "./float-values.js";
import { like } from "./like.js";

export const normalizeMinMax: Kernel<"normalizeMinMax"> = {
  prepare(step) {
    const what = `step \`${step.id}\` (normalizeMinMax)`;
    const extremes = (step.inputs.input ?? []).map(({ name }) => {
      const found = step.state?.columns[name];
      if (!found)
        throw new RuntimeFault(
          "INTERNAL",
          `${what} has no minimum and maximum of column \`${name}\`. Run \`merlon fit\` again.`,
        );
      return found;
    });
    const { outDtype } = step.params;
    return {
      run: inputs =>
        (inputs.input ?? []).map((col, c) => {
          const { min, max } = extremes[c]!;
          const floats = floatValues(col, what);
          const width = max - min;
          if (width > 0) for (let i = 0; i < floats.length; i++) floats[i] = (floats[i]! - min) / width;
          else for (let i = 0; i < floats.length; i++) floats[i] = Number.isNaN(floats[i]) ? Number.NaN : 0.5;
          return like(col, outDtype, outDtype === "float32" ? new Float32Array(floats) : floats);
        }),
    };
  },
};
