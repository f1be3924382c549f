/** Numeric columns -> int32 columns: how many boundaries are at or below each value. Null goes to the last bucket. */
import type { OpParams } from "../../contract/op-params.js";
import type { LaneOf } from "../../runtime/base/columns/lane.js";
import { RuntimeFault } from "../../runtime/base/errors.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { prepareLanes } from "../shared/kernel/prepare-lanes.js";

export const bucketizeLane: LaneOf<"bucketize"> = (step, column) => {
  const boundaries = Float64Array.from(boundariesOf(step.params, column, `step \`${step.id}\` (bucketize)`));
  return (from, to, count) => {
    for (let i = 0; i < count; i++) to[i] = bucketOf(from[i]!, boundaries);
  };
};

export const bucketize: Kernel<"bucketize"> = { prepare: step => prepareLanes(step, bucketizeLane) };

/** The boundaries of a column. The SQL form shares it. */
export function boundariesOf({ boundaries }: OpParams["bucketize"], name: string, what: string): readonly number[] {
  const found = Array.isArray(boundaries) ? boundaries : (boundaries as Record<string, number[]>)[name];
  if (!found)
    throw new RuntimeFault(
      "INTERNAL",
      `${what} has no boundaries of column \`${name}\`. Build the plan again with \`merlon build\`.`,
    );
  return found;
}

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
