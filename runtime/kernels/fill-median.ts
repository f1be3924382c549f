/**
 * Numeric columns -> the same columns with nulls (and float NaN) replaced by their fitted median, and, on request, bool columns
 * `{column}_filled` that say which values were null.
 */
import type { Kernel } from "../plan/kernel.js";
import type { LaneOf } from "../plan/lane.js";
import { fillLane, prepareFill } from "./fill-missing.js";
import { medianOf } from "./median-of.js";

export const fillMedian: Kernel<"fillMedian"> = {
  prepare: step => prepareFill(step, (name, dtype) => medianOf(step, name, dtype)),
};

export const fillMedianLane: LaneOf<"fillMedian"> = (step, column, dtype) =>
  fillLane(medianOf(step, column, dtype), dtype);
