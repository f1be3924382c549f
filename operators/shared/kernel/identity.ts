/** Returns the columns unchanged: for operators that change metadata alone, which is in the plan and its schemas. */
import type { Column } from "../../../runtime/base/columns/table.js";
import type { PreparedKernel } from "../../../runtime/engine/schedule/kernel.js";

export const identity = {
  prepare: (): PreparedKernel<{ readonly input: readonly Column[] }> => ({ run: ({ input }) => input }),
};
