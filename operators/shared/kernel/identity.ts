/** Columns -> the same columns: of operators that say something of columns, which is in the plan and its schemas. */
import type { Column } from "../../../runtime/base/columns/table.js";
import type { PreparedKernel } from "../../../runtime/engine/schedule/kernel.js";

export const asTheyAre = {
  prepare: (): PreparedKernel<{ readonly input: readonly Column[] }> => ({ run: ({ input }) => input }),
};
