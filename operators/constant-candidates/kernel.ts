/** Rows → the same candidates for each. */
import { type Column, childRows, gather, rootRows } from "../../runtime/base/columns/table.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";

export const constantCandidates: Kernel<"constantCandidates"> = {
  prepare: step => {
    const { ids, dtype } = step.params;
    const count = ids.length;
    const values = dtype === "string" ? ids : BigInt64Array.from(ids, BigInt);
    const own: Column = { dtype, values, rows: rootRows(count) };
    return {
      run: ({ input }) => {
        const { rows } = input[0];
        const offsets = Int32Array.from({ length: rows.count + 1 }, (_, i) => i * count);
        const at = Int32Array.from({ length: rows.count * count }, (_, i) => i % count);
        return [gather(own, at, childRows(rows, offsets))];
      },
    };
  },
};
