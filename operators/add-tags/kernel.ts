/** Columns -> the same columns: tags live in the schema alone. */
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";

export const addTags: Kernel<"addTags"> = { prepare: () => ({ run: inputs => inputs.input }) };
