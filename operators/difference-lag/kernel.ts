/** Numeric columns and the columns that say which rows belong together → float32 columns: each number less that of another row, null across a border. */

import { nullFlags } from "../../runtime/base/columns/null-flags.js";
import type { Column } from "../../runtime/base/columns/table.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { floatValues } from "../shared/kernel/float-values.js";
import { rowKeys } from "../shared/kernel/row-keys.js";
import { withValues } from "../shared/kernel/with-values.js";

export const differenceLag: Kernel<"differenceLag"> = {
  prepare(step) {
    const what = `step \`${step.id}\` (differenceLag)`;
    return {
      run: inputs => {
        const keys = rowKeys(inputs.partition);
        const columns = inputs.input.map(col => ({ col, difference: differencesOf(col, what) }));
        return step.params.shifts.flatMap(shift =>
          columns.map(({ col, difference }) => {
            const made = new Float32Array(keys.length).fill(Number.NaN);
            for (let i = Math.max(0, shift); i < Math.min(made.length, made.length + shift); i++)
              if (keys[i]! >= 0 && keys[i] === keys[i - shift]) made[i] = difference(i, i - shift);
            return withValues(col, "float32", made);
          }),
        );
      },
    };
  },
};

/** A row's number less another's. Beyond 2^53 integers are compared before they become floats. */
function differencesOf(col: Column, what: string): (row: number, other: number) => number {
  const { values } = col;
  if (!(values instanceof BigInt64Array || values instanceof BigUint64Array)) {
    const floats = floatValues(col, what);
    return (row, other) => floats[row]! - floats[other]!;
  }
  const nulls = nullFlags(col);
  return (row, other) => (nulls[row] || nulls[other] ? Number.NaN : Number(values[row]! - values[other]!));
}
