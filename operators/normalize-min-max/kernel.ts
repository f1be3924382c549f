/** Numeric columns -> float columns `(x - min) / (max - min)`, or 0.5 where the fitted column was constant. */

import { type LaneOf, roundTo } from "../../runtime/base/columns/lane.js";
import { RuntimeFault } from "../../runtime/base/errors.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { prepareLanes } from "../shared/kernel/prepare-lanes.js";

export const normalizeMinMaxLane: LaneOf<"normalizeMinMax"> = (step, column, dtype) => {
  const found = step.state?.columns[column];
  if (!found)
    throw new RuntimeFault(
      "INTERNAL",
      `step \`${step.id}\` (normalizeMinMax) has no minimum and maximum of column \`${column}\`. Run \`merlon fit\` again.`,
    );
  const { min, max } = found;
  const width = max - min;
  return (from, to, count) => {
    if (width > 0) for (let i = 0; i < count; i++) to[i] = (from[i]! - min) / width;
    else for (let i = 0; i < count; i++) to[i] = Number.isNaN(from[i]) ? Number.NaN : 0.5;
    roundTo(dtype, to, count);
  };
};

export const normalizeMinMax: Kernel<"normalizeMinMax"> = { prepare: step => prepareLanes(step, normalizeMinMaxLane) };
