/** Steps that answer other rows than they are given. */
import type { AnyStep } from "./plan.js";

/** True for a step that takes rows away or groups them; its columns then have rows of their own. */
export const changesRows = (step: AnyStep): boolean =>
  step.op === "filter" ||
  step.op === "dropna" ||
  step.op === "groupby" ||
  (step.op === "joinExternal" && step.params.how === "inner");

/** True for a step that looks at other rows than the one it answers, so that it has to see them all, in order. */
export const readsOtherRows = (step: AnyStep): boolean => step.op === "groupby" || step.op === "differenceLag";

/** True for a step whose answer depends on which row of the request or file it is: only parity with NVTabular asks for that. */
export const readsRowNumber = (step: AnyStep): boolean =>
  (step.op === "targetEncoding" && step.params.foldMode !== undefined) ||
  ((step.op === "hashBucket" || step.op === "hashedCross" || step.op === "categorify") &&
    step.params.nvtabularHash === true);

/** Port of the row number, where a kernel sees only some of the rows. */
export const ROW_PORT = "row";
