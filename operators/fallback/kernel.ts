/**
 * The columns of the branch that was chosen → the same columns. Which branch that is, the run decides: it gives this step one of its two ports.
 */

import { childRows } from "../../runtime/base/columns/table.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";

export const fallback: Kernel<"fallback"> = {
  prepare: step => {
    const makesRows = step.outputs.some(col => col.rows === step.id);
    return {
      run: inputs => {
        const columns = inputs.input ?? inputs.fallback ?? [];
        const { parent, offsets } = columns[0]!.rows;
        if (!makesRows || !parent || !offsets) return columns;
        const rows = childRows(parent, offsets);
        return columns.map(col => ({ ...col, rows }));
      },
    };
  },
};
