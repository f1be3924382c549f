/**
 * Plan → the same without its look-ups on the request's rows: their features are inputs of the request.
 */

import { NotLoweredError } from "../../compiler/5-emit/onnx/not-lowered.js";
import { withReferences } from "../../contract/any-step.js";
import type { AnyStep, Plan, Step } from "../../contract/plan.js";
import { LoweringFault } from "../shared/onnx/lowering.js";

/**
 * Removes a queryFeast step and makes its outputs inputs of the request. @throws Error for features of candidates, which a request cannot
 * have
 */
export function withFeatureInputs(plan: Plan): Plan {
  const gone = new Map<string, Step<"queryFeast">>();
  for (const step of plan.steps) if (step.op === "queryFeast") gone.set(step.id, step);
  const byKey = new Map(plan.inputs.map(col => [col.name, col]));
  const follow = (ref: Plan["outputs"][number]["ref"]): typeof ref => {
    const step = gone.get(ref.step);
    if (!step?.outputs.some(col => col.rows === "request")) return ref;
    if (!Object.hasOwn(step.params.features, ref.column)) {
      const id = step.inputs.input[0];
      return { ...follow(id), name: ref.name };
    }
    const known = byKey.get(ref.column);
    const made = step.outputs.find(col => col.name === ref.column)!;
    if (known && known.dtype !== made.dtype)
      throw new NotLoweredError(plan.name, [
        new LoweringFault(
          `\`${plan.name}\` would read two columns \`${ref.column}\` of the request`,
          "Give one look-up a `prefix`.",
          ref.step,
        ),
      ]);
    byKey.set(ref.column, { ...made, rows: "request" });
    return { ...ref, step: "request", column: ref.column };
  };
  const steps: AnyStep[] = plan.steps.flatMap(step => {
    if (gone.has(step.id) && step.outputs.every(col => col.rows === "request")) return [];
    return [withReferences(step, follow)];
  });
  const outputs = plan.outputs.map(output => ({ ...output, ref: follow(output.ref) }));
  return { ...plan, steps, outputs, inputs: [...byKey.values()] };
}
