/**
 * Numeric columns -> the same columns with nulls (and float NaN) replaced by their fitted median, and, on request, bool columns
 * `{column}_filled` that say which values were null.
 */
import type { Kernel } from "../plan/kernel.js";
import { prepareFill } from "./fill-missing.js";
import { medianOf } from "./median-of.js";

export const fillMedian: Kernel<"fillMedian"> = {
  prepare: step => prepareFill(step, (name, dtype) => medianOf(step, name, dtype)),
};
