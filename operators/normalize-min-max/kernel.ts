/** Numeric columns → float columns `(x - min) / (max - min)`, or 0.5 where the fitted column was constant. */

import { learntOf } from "../../contract/learnt-columns.js";
import { type BlockLoopOf, roundTo } from "../../runtime/base/columns/block-loop.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { prepareBlockLoops } from "../shared/kernel/prepare-block-loops.js";

export const normalizeMinMaxLoop: BlockLoopOf<"normalizeMinMax"> = (step, column, dtype) => {
  const { min, max } = learntOf(step, column);
  const width = max - min;
  return (from, to, count) => {
    if (width > 0) for (let i = 0; i < count; i++) to[i] = (from[i]! - min) / width;
    else for (let i = 0; i < count; i++) to[i] = Number.isNaN(from[i]) ? Number.NaN : 0.5;
    roundTo(dtype, to, count);
  };
};

export const normalizeMinMax: Kernel<"normalizeMinMax"> = {
  prepare: step => prepareBlockLoops(step, normalizeMinMaxLoop),
};
