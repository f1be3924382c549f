/** Columns -> the same columns: what was learnt is for people. */
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";

export const dataStats: Kernel<"dataStats"> = { prepare: () => ({ run: inputs => inputs.input }) };
