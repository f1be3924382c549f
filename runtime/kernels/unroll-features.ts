/** Columns of candidates, and columns of their user -> the candidates' columns and the user's, repeated for each candidate. */
import { RuntimeFault } from "../errors.js";
import type { Kernel } from "../plan/kernel.js";
import { ancestorIndex } from "../plan/row-map.js";
import { type Column, gather, type Rows } from "../plan/table.js";

export const unrollFeatures: Kernel<"unrollFeatures"> = {
  prepare: step => {
    const { itemColumn } = step.params;
    const at = step.inputs.input!.findIndex(ref => ref.name === itemColumn);
    if (at < 0)
      throw new RuntimeFault("INVALID_ARGUMENT", `its item column \`${itemColumn}\` is not among its inputs.`);
    const names = step.inputs.unroll?.map(ref => ref.name) ?? [];
    return {
      run: inputs => {
        const items = inputs.input!;
        const { rows } = items[at]!;
        const indices = new Map<Rows, Int32Array>();
        const repeated = (inputs.unroll ?? []).map((col, i): Column => {
          const index = indices.get(col.rows) ?? ancestorIndex(rows, col.rows);
          if (!index)
            throw new RuntimeFault(
              "INVALID_ARGUMENT",
              `column \`${names[i]}\` has ${col.rows.count} rows, which the ${rows.count} rows of \`${itemColumn}\` were not made from.`,
            );
          indices.set(col.rows, index);
          return gather(col, index, rows);
        });
        return [...items, ...repeated];
      },
    };
  },
};
