/** Columns → the rows of them in which no scalar is null. */

import { nullFlags } from "../../runtime/base/columns/null-flags.js";
import { gather } from "../../runtime/base/columns/table.js";
import { filterRows } from "../../runtime/engine/cache/filter-rows.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";

export const dropna: Kernel<"dropna"> = {
  prepare: step => {
    const names = step.inputs.input.map(ref => ref.name);
    return {
      run: inputs => {
        const columns = inputs.input;
        const { rows } = columns[0];
        const keep = new Uint8Array(rows.count).fill(1);
        for (const col of columns) {
          if (col.offsets || col.width !== undefined) continue;
          const nulls = nullFlags(col);
          for (let i = 0; i < keep.length; i++) if (nulls[i] === 1) keep[i] = 0;
        }
        const left = filterRows(rows, keep);
        return step.outputs.map(({ name }) => gather(columns[names.indexOf(name)]!, left.kept, left.rows));
      },
    };
  },
};
