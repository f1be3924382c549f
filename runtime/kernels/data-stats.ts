/** Columns -> the same columns: what was learnt is for people. */
import type { Kernel } from "../plan/kernel.js";

export const dataStats: Kernel<"dataStats"> = { prepare: () => ({ run: inputs => inputs.input ?? [] }) };
