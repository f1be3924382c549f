/** How many candidates a plan's sources make, before it runs. */
import { columnsReadBy } from "../../../contract/any-step.js";
import type { Plan } from "../../../contract/plan.js";
import { REQUEST_ROWS } from "../../../contract/schema.js";
import { bringsRows } from "../../../contract/step-facts.js";
import { rowsIn } from "./stage-function.js";

/** Those of a step without `topk`, such as the items of a list, for each row that it reads. */
const USUAL = 100;

/** Rows that a plan's sources make for each row of a request, at least 1. */
export function candidatesOf(plan: Plan): number {
  const rowsOf = rowsIn(plan);
  /** Row set → its rows for each row of a request. */
  const sizes = new Map([[REQUEST_ROWS, 1]]);
  let all = 0;
  for (const step of plan.steps) {
    const rows = step.outputs[0]?.rows;
    if (rows === undefined || sizes.has(rows)) continue;
    const read = columnsReadBy(step).map(ref => sizes.get(rowsOf(ref.step, ref.column) ?? REQUEST_ROWS) ?? 1);
    const { topk = USUAL } = step.params as { readonly topk?: number };
    const size = Math.max(1, ...read) * (bringsRows(step) ? topk : 1);
    sizes.set(rows, size);
    if (bringsRows(step)) all += size;
  }
  return Math.max(1, all);
}
