/** Numeric columns -> float columns `(x - mean) / std`, or `x - mean` where the fitted column was constant. */

import { type LaneOf, roundTo } from "../../runtime/base/columns/lane.js";
import { RuntimeFault } from "../../runtime/base/errors.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { prepareLanes } from "../shared/kernel/prepare-lanes.js";

export const normalizeLane: LaneOf<"normalize"> = (step, column, dtype) => {
  const found = step.state?.columns[column];
  if (!found)
    throw new RuntimeFault(
      "INTERNAL",
      `step \`${step.id}\` (normalize) has no mean and std of column \`${column}\`. Run \`merlon fit\` again.`,
    );
  const { mean, std } = found;
  return (from, to, count) => {
    if (std > 0) for (let i = 0; i < count; i++) to[i] = (from[i]! - mean) / std;
    else for (let i = 0; i < count; i++) to[i] = from[i]! - mean;
    roundTo(dtype, to, count);
  };
};

export const normalize: Kernel<"normalize"> = { prepare: step => prepareLanes(step, normalizeLane) };
