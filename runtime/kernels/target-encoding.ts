/**
 * Key columns of any dtype -> float columns: the smoothed mean that each target had among the rows with the same key,
 * `(sum + p · mean) / (count + p)`; the target's mean for a key that the fit has not seen.
 */
import { join } from "node:path";
import { RuntimeFault } from "../errors.js";
import type { Kernel } from "../plan/kernel.js";
import { readFittedTable } from "./fitted-table.js";
import { like } from "./like.js";
import { indexTuples } from "./tuple-index.js";

export const targetEncoding: Kernel<"targetEncoding"> = {
  prepare(step, { folder }) {
    const what = `step \`${step.id}\` (targetEncoding)`;
    const { state } = step;
    if (!state) throw new RuntimeFault("INTERNAL", `${what} is not fitted. Run \`merlon fit\` first.`);
    const { pSmooth, outDtype } = step.params;
    const names = (step.inputs.input ?? []).map(ref => ref.name);
    const Floats = outDtype === "float32" ? Float32Array : Float64Array;
    const groups = state.groups.map(({ columns, table: file }) => {
      const table = readFittedTable(join(folder, file));
      const keys = columns.map((_, i) => table[`key ${i}`]!);
      const encoded = Object.entries(state.means).map(([target, mean]) => {
        const sums = table[`sum ${target}`]!.values as Float64Array;
        const counts = table[`count ${target}`]!.values as BigInt64Array;
        const values = sums.map((sum, i) => (sum + pSmooth * mean) / (Number(counts[i]) + pSmooth));
        // Without smoothing a key whose targets are all null has no mean of its own.
        return { values: values.map(v => (Number.isNaN(v) ? mean : v)), mean };
      });
      return { at: columns.map(name => names.indexOf(name)), places: indexTuples(keys, columns, what), encoded };
    });
    return {
      run: inputs =>
        groups.flatMap(({ at, places, encoded }) => {
          const keys = at.map(i => inputs.input![i]!);
          const found = places(keys);
          return encoded.map(({ values, mean }) => {
            const floats = new Floats(found.length);
            for (let i = 0; i < floats.length; i++) floats[i] = found[i]! < 0 ? mean : values[found[i]!]!;
            return like(keys[0]!, outDtype, floats);
          });
        }),
    };
  },
};
