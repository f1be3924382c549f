/** True if a row's result does not depend on other rows, so that requests can be batched. */
import { columnsReadBy } from "../../../contract/any-step.js";
import type { AnyStep, Plan } from "../../../contract/plan.js";
import { REQUEST_ROWS } from "../../../contract/schema.js";
import {
  changesRows,
  choosesByOutcome,
  readsOtherRows,
  readsRowNumber,
  timesOfParts,
} from "../../../contract/step-facts.js";
import { rowsIn } from "./stage-function.js";

/** Without looking into workflows, which are plans of their own. */
export function rowsAreIndependent(plan: Plan): boolean {
  const rowsOf = rowsIn(plan);
  const ofRequest = (step: AnyStep): boolean =>
    columnsReadBy(step).some(ref => rowsOf(ref.step, ref.column) === REQUEST_ROWS);
  return !plan.steps.some(
    step =>
      readsRowNumber(step) ||
      // One failing row would trigger the fallback for the whole batch.
      choosesByOutcome(step.op) ||
      timesOfParts(step) !== undefined ||
      // Among candidates these keep to those of one user.
      ((changesRows(step) || readsOtherRows(step)) && ofRequest(step)),
  );
}
