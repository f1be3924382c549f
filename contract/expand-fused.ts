/**
 * A plan with fused steps → the plan of the author's steps that they are made of: the same meaning, step by step. For whoever knows operators one
 * by one.
 */
import { type AnyStep, type ColumnRef, type Plan, REQUEST_STEP, type Step } from "./plan.js";

/** @returns the plan itself where nothing in it is fused */
export function expandFused(plan: Plan): Plan {
  const fused = new Map<string, Step<"fused">>();
  for (const step of plan.steps) if (step.op === "fused") fused.set(step.id, step);
  if (fused.size === 0) return plan;
  const follow = (ref: ColumnRef): ColumnRef => {
    const made = fused.get(ref.step)?.params.outputs[ref.column];
    return made ? { name: ref.name, step: made.step, column: made.column } : ref;
  };
  const refs = (step: AnyStep, map: (ref: ColumnRef) => ColumnRef): AnyStep =>
    ({
      ...step,
      inputs: Object.fromEntries(Object.entries(step.inputs).map(([port, all]) => [port, all.map(map)])),
    }) as AnyStep;
  const outputs = (all: Plan["outputs"]) => all.map(({ ref, schema }) => ({ ref: follow(ref), schema }));
  return {
    ...plan,
    steps: plan.steps.flatMap(step => {
      if (step.op !== "fused") return refs(step, follow);
      const inputs = new Map(step.inputs.input!.map(ref => [ref.name, follow(ref)]));
      const outside = (ref: ColumnRef): ColumnRef =>
        ref.step === REQUEST_STEP ? { ...inputs.get(ref.column)!, name: ref.name } : ref;
      return step.parts!.map(part => refs(part, outside));
    }),
    outputs: outputs(plan.outputs),
    ...(plan.subgraphs && {
      subgraphs: Object.fromEntries(Object.entries(plan.subgraphs).map(([name, all]) => [name, outputs(all)])),
    }),
  };
}
