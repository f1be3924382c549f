/** Columns -> the same columns: the median is in the schema. */
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";

export const median: Kernel<"median"> = { prepare: () => ({ run: inputs => inputs.input }) };
