/** References of a plan → the columns they mean, and the steps and columns that its answers depend on. */
import { columnsReadBy } from "../../../contract/any-step.js";
import { type AnyStep, type ColumnRef, type Plan, REQUEST_STEP } from "../../../contract/plan.js";
import type { ColumnSchema } from "../../../contract/schema.js";

export type Place = Pick<ColumnRef, "step" | "column">;

/** Equal for references to one column. */
export const placeKey = ({ step, column }: Place): string => `${step}\n${column}`;

/** An output that is a column of the request under its own name: the tensor is passed through. */
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
export function liveSteps<S extends AnyStep>(
  plan: Pick<Plan, "outputs"> & { readonly steps: readonly S[] },
): readonly S[] {
  const read = new Set(plan.outputs.map(output => output.ref.step));
  const live: S[] = [];
  for (const step of plan.steps.toReversed()) {
    if (!read.has(step.id)) continue;
    live.unshift(step);
    for (const ref of columnsReadBy(step)) read.add(ref.step);
  }
  return live;
}
