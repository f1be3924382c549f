/**
 * Drops columns that nobody reads, steps whose columns nobody reads, and request columns that no step needs. Walks the steps backwards once.
 */
import type { AnyStep, ColumnRef, Plan } from "../../triton-protos/plan.js";
import { opDefinition } from "../ops/index.js";

export function pruneColumns(plan: Plan): Plan {
  const read = new Set<string>();
  const key = (step: string, column: string) => `${step}\n${column}`;
  const mark = (ref: ColumnRef) => read.add(key(ref.step, ref.column));
  for (const { ref } of plan.outputs) mark(ref);
  const steps: AnyStep[] = [];
  for (const step of [...plan.steps].reverse()) {
    if (!step.outputs.some(c => read.has(key(step.id, c.name)))) continue;
    const pruned = pruneStep(step, c => read.has(key(step.id, c)));
    for (const refs of Object.values(pruned.inputs)) for (const ref of refs) mark(ref);
    steps.unshift(pruned);
  }
  return {
    ...plan,
    steps,
    inputs: plan.kind === "workflow" ? plan.inputs.filter(c => read.has(key("request", c.name))) : plan.inputs,
  };
}

function pruneStep(step: AnyStep, isRead: (column: string) => boolean): AnyStep {
  const { elementwise, prunable } = opDefinition(step.op).facts;
  if (!prunable) return step;
  const keep = step.outputs.map(c => isRead(c.name));
  if (keep.every(Boolean)) return step;
  const outputs = step.outputs.filter((_, i) => keep[i]);
  if (step.op === "queryFeast") {
    const names = new Set(outputs.map(c => c.name));
    const features = Object.fromEntries(Object.entries(step.params.features).filter(([name]) => names.has(name)));
    const includeId = outputs.some(c => !Object.hasOwn(step.params.features, c.name));
    return { ...step, outputs, params: { ...step.params, features, includeId } };
  }
  if (!elementwise) return step;
  return {
    ...step,
    outputs,
    inputs: { ...step.inputs, input: step.inputs.input!.filter((_, i) => keep[i]) },
  } as AnyStep;
}
