/** Columns -> the same columns: names live in the plan alone. */
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";

export const rename: Kernel<"rename"> = { prepare: () => ({ run: inputs => inputs.input }) };
