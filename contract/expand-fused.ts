/**
 * A plan with fused steps → the plan of the author's steps that they are made of: the same meaning, step by step. For code that reads
 * operators one by one.
 */
import { withReferences } from "./any-step.js";
import { type ColumnRef, type Plan, PlanError, REQUEST_STEP, type Step } from "./plan.js";
import { logColumns, withLogColumns } from "./plan-log.js";

/** Which column of its parts, or of its inputs, an output of a fused step is. @throws PlanError where the plan does not say */
export function sourceInside(
  { id, params: { outputs } }: Step<"fused">,
  output: string,
): Pick<ColumnRef, "step" | "column"> {
  const source = Object.hasOwn(outputs, output) ? outputs[output] : undefined;
  if (!source) throw new PlanError(`step \`${id}\` (fused): \`params.outputs\` has no \`${output}\`.`);
  return source;
}

/** @returns the plan itself where nothing in it is fused */
export function expandFused<P extends Plan>(plan: P): P {
  const fused = new Map<string, Step<"fused">>();
  for (const step of plan.steps) if (step.parts) fused.set(step.id, step);
  if (fused.size === 0) return plan;
  const follow = (ref: ColumnRef): ColumnRef => {
    const made = fused.get(ref.step)?.params.outputs[ref.column];
    return made ? { name: ref.name, step: made.step, column: made.column } : ref;
  };
  const outputs = (all: Plan["outputs"]) => all.map(({ ref, schema }) => ({ ref: follow(ref), schema }));
  return {
    ...plan,
    steps: plan.steps.flatMap(step => {
      if (!step.parts) return withReferences(step, follow);
      const inputs = new Map(step.inputs.input.map(ref => [ref.name, follow(ref)]));
      const outside = (ref: ColumnRef): ColumnRef =>
        ref.step === REQUEST_STEP ? { ...inputs.get(ref.column)!, name: ref.name } : ref;
      return step.parts.map(part => withReferences(part, outside));
    }),
    outputs: outputs(plan.outputs),
    ...(plan.log && { log: withLogColumns(plan.log, outputs(logColumns(plan.log))) }),
    ...(plan.subgraphs && {
      subgraphs: Object.fromEntries(Object.entries(plan.subgraphs).map(([name, all]) => [name, outputs(all)])),
    }),
  };
}
