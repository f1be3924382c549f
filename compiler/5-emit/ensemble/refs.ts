/** References of a plan → the columns they mean, and the steps and columns that its answers depend on. */
import { type AnyStep, type ColumnRef, type Plan, REQUEST_STEP } from "../../../contract/plan.js";
import type { ColumnSchema } from "../../../contract/schema.js";

export type Place = Pick<ColumnRef, "step" | "column">;

/** Equal for references to one column. */
export const placeKey = ({ step, column }: Place): string => `${step}\n${column}`;

/** Every column that a step reads. */
export const refsOf = (step: AnyStep): readonly ColumnRef[] => Object.values(step.inputs).flat();

/** An answer that is a column of the request under its own name: the tensor that came is the one that goes. */
export const isPassed = ({ ref, schema }: Plan["outputs"][number]): boolean =>
  ref.step === REQUEST_STEP && ref.column === schema.name;

export function columnsOf(plan: Plan): (ref: Place) => ColumnSchema {
  const columns = new Map<string, ColumnSchema>();
  for (const col of plan.inputs) columns.set(placeKey({ step: REQUEST_STEP, column: col.name }), col);
  for (const step of plan.steps)
    for (const col of step.outputs) columns.set(placeKey({ step: step.id, column: col.name }), col);
  return ref => columns.get(placeKey(ref))!;
}

/** Steps that an answer depends on. */
export function liveSteps(plan: Plan): readonly AnyStep[] {
  const read = new Set(plan.outputs.map(output => output.ref.step));
  const live: AnyStep[] = [];
  for (const step of plan.steps.toReversed()) {
    if (!read.has(step.id)) continue;
    live.unshift(step);
    for (const ref of refsOf(step)) read.add(ref.step);
  }
  return live;
}
