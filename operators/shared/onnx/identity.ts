/** Operators that change what is said of columns, and nothing in them: columns → the same columns. */
import type { LoweredColumn } from "./lowered-column.js";
import type { LoweredInputs } from "./lowering.js";

export const asTheyAre = (_: unknown, { input }: LoweredInputs): readonly LoweredColumn[] => input;
