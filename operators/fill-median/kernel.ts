/**
 * Numeric columns → the same columns with nulls (and float NaN) replaced by their fitted median. On request there are also bool columns
 * `{column}_filled` that mark the null values.
 */

import type { BlockLoopOf } from "../../runtime/base/columns/block-loop.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { fillLoop, prepareFill } from "../fill-missing/kernel.js";
import { medianOf } from "./kernel-median.js";

export const fillMedian: Kernel<"fillMedian"> = {
  prepare: step => prepareFill(step, (name, dtype) => medianOf(step, name, dtype)),
};

export const fillMedianLoop: BlockLoopOf<"fillMedian"> = (step, column, dtype) =>
  fillLoop(medianOf(step, column, dtype), dtype);
