/** Columns -> the same columns: the plan names those that stay. */
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";

export const dropLowCardinality: Kernel<"dropLowCardinality"> = {
  prepare: () => ({ run: inputs => inputs.input }),
};
