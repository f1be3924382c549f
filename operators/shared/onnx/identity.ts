/** Returns the columns unchanged: for operators that change metadata alone. */
import type { LoweredColumn } from "./lowered-column.js";
import type { LoweredInputs } from "./lowering.js";

export const identity = (_: unknown, { input }: LoweredInputs): readonly LoweredColumn[] => input;
