/** References of a plan → the columns they mean. */
import { type ColumnRef, type Plan, REQUEST_STEP } from "../../../contract/plan.js";
import type { ColumnSchema } from "../../../contract/schema.js";

export type Place = Pick<ColumnRef, "step" | "column">;

/** Equal for references to one column. */
export const placeKey = ({ step, column }: Place): string => `${step}\n${column}`;

export function columnsOf(plan: Plan): (ref: Place) => ColumnSchema {
  const columns = new Map<string, ColumnSchema>();
  for (const col of plan.inputs) columns.set(placeKey({ step: REQUEST_STEP, column: col.name }), col);
  for (const step of plan.steps)
    for (const col of step.outputs) columns.set(placeKey({ step: step.id, column: col.name }), col);
  return ref => columns.get(placeKey(ref))!;
}
