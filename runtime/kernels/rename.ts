/** Columns -> the same columns: names live in the plan alone. */
import type { Kernel } from "../plan/kernel.js";

export const rename: Kernel<"rename"> = { prepare: () => ({ run: inputs => inputs.input ?? [] }) };
