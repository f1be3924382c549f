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
