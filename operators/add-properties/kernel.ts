/** Columns -> the same columns: properties live in the schema alone. */
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";

export const addProperties: Kernel<"addProperties"> = { prepare: () => ({ run: inputs => inputs.input }) };
