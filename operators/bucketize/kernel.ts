/** Numeric columns → int32 columns: how many boundaries are at or below each value. Null is in the last bucket. */
import type { BlockLoopOf } from "../../runtime/base/columns/block-loop.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { prepareBlockLoops } from "../shared/kernel/prepare-block-loops.js";
import { boundariesOf } from "./spec.js";

export const bucketizeLoop: BlockLoopOf<"bucketize"> = (step, column) => {
  const boundaries = Float64Array.from(boundariesOf(step, column));
  return (from, to, count) => {
    for (let i = 0; i < count; i++) to[i] = bucketOf(from[i]!, boundaries);
  };
};

export const bucketize: Kernel<"bucketize"> = { prepare: step => prepareBlockLoops(step, bucketizeLoop) };

/** Binary search for the first boundary above `x`; nothing is above NaN. */
function bucketOf(x: number, boundaries: Float64Array): number {
  let low = 0;
  let high = boundaries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (x < boundaries[middle]!) high = middle;
    else low = middle + 1;
  }
  return low;
}
