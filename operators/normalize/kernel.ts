/** Numeric columns → float columns `(x - mean) / std`, or `x - mean` where the fitted column was constant. */

import { learntOf } from "../../contract/learnt-columns.js";
import { type BlockLoopOf, roundTo } from "../../runtime/base/columns/block-loop.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { prepareBlockLoops } from "../shared/kernel/prepare-block-loops.js";

export const normalizeLoop: BlockLoopOf<"normalize"> = (step, column, dtype) => {
  const { mean, std } = learntOf(step, column);
  return (from, to, count) => {
    if (std > 0) for (let i = 0; i < count; i++) to[i] = (from[i]! - mean) / std;
    else for (let i = 0; i < count; i++) to[i] = from[i]! - mean;
    roundTo(dtype, to, count);
  };
};

export const normalize: Kernel<"normalize"> = { prepare: step => prepareBlockLoops(step, normalizeLoop) };
