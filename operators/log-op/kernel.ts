/** Numeric columns → float32 columns `ln(x + 1)`, in float32 as NVTabular does: -1 gives -Infinity, below it NaN. */

import type { BlockLoopOf } from "../../runtime/base/columns/block-loop.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { prepareBlockLoops } from "../shared/kernel/prepare-block-loops.js";

export const logLoop: BlockLoopOf<"logOp"> = () => (from, to, count) => {
  for (let i = 0; i < count; i++) to[i] = Math.fround(Math.log(Math.fround(Math.fround(from[i]!) + 1)));
};

export const logOp: Kernel<"logOp"> = { prepare: step => prepareBlockLoops(step, logLoop) };
