/** Columns of candidates, and columns of their user → the candidates' columns and the user's, repeated for each candidate. */

import { repeatRows } from "../../runtime/base/columns/repeat-rows.js";
import { runsOf } from "../../runtime/base/columns/row-map.js";
import type { Column } from "../../runtime/base/columns/table.js";
import { invalid } from "../../runtime/base/errors.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";

export const unrollFeatures: Kernel<"unrollFeatures"> = {
  prepare: step => {
    const { itemColumn } = step.params;
    const at = step.inputs.input.findIndex(ref => ref.name === itemColumn);
    if (at < 0) throw invalid(`its item column \`${itemColumn}\` is not among its inputs.`);
    const names = step.inputs.unroll.map(ref => ref.name);
    return {
      run: inputs => {
        const items = inputs.input;
        const { rows } = items[at]!;
        const repeated = inputs.unroll.map((col, i): Column => {
          const runs = runsOf(rows, col.rows);
          if (!runs)
            throw invalid(
              `column \`${names[i]}\` has ${col.rows.count} rows, which the ${rows.count} rows of \`${itemColumn}\` were not made from.`,
            );
          return repeatRows(col, runs, rows);
        });
        return [...items, ...repeated];
      },
    };
  },
};
