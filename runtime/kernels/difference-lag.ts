/** Numeric columns and the columns that say which rows belong together -> float32 columns: each number less that of another row, null across a border. */
import type { Kernel } from "../plan/kernel.js";
import { floatValues } from "./float-values.js";
import { like } from "./like.js";
import { rowKeys } from "./row-keys.js";

export const differenceLag: Kernel<"differenceLag"> = {
  prepare(step) {
    const what = `step \`${step.id}\` (differenceLag)`;
    return {
      run: inputs => {
        const keys = rowKeys(inputs.partition!);
        const columns = (inputs.input ?? []).map(col => ({ col, floats: floatValues(col, what) }));
        return step.params.shifts.flatMap(shift =>
          columns.map(({ col, floats }) => {
            const made = new Float32Array(floats.length).fill(Number.NaN);
            for (let i = Math.max(0, shift); i < Math.min(made.length, made.length + shift); i++)
              if (keys[i]! >= 0 && keys[i] === keys[i - shift]) made[i] = floats[i]! - floats[i - shift]!;
            return like(col, "float32", made);
          }),
        );
      },
    };
  },
};
