/**
 * Step → for each of its columns, the columns it is made from. Knows operators that map columns one to one, and looks into fitted workflows;
 * elsewhere a column comes from everything its step reads.
 */
import type { AnyStep, ColumnRef, Plan } from "../../triton-protos/plan.js";
import { REQUEST_STEP } from "../../triton-protos/plan.js";
import { opDefinition } from "../ops/index.js";

/** Finds the plan of a fitted workflow; undefined where its file is not at hand. */
export type WorkflowOf = (step: Extract<AnyStep, { op: "transformWorkflow" }>) => Plan | undefined;

/** @returns one entry per output, in order */
export function columnSources(step: AnyStep, workflowOf: WorkflowOf): readonly (readonly ColumnRef[])[] {
  const all = Object.values(step.inputs).flat();
  const input = step.inputs.input ?? [];
  // A function of several columns makes one.
  const isTuples = step.op === "categorify" && step.params.encodeType === "combo";
  if (opDefinition(step.op).facts.elementwise && !isTuples && step.outputs.length >= input.length) {
    return step.outputs.map((_, i) => input.slice(...oneOf(i, input.length, step.outputs.length)));
  }
  if (step.op === "unrollFeatures") {
    const columns = [...(step.inputs.input ?? []), ...(step.inputs.unroll ?? [])];
    return step.outputs.map((_, i) => columns.slice(i, i + 1));
  }
  if (step.op === "transformWorkflow") {
    const workflow = workflowOf(step);
    if (workflow) {
      const reads = workflowReads(workflow, workflowOf);
      return step.outputs.map(({ name }) => all.filter(ref => reads.get(name)?.has(ref.name)));
    }
  }
  return step.outputs.map(() => all);
}

/** The slice of inputs that output `i` is made from, where each input makes the same number of outputs. */
const oneOf = (i: number, inputs: number, outputs: number): [number, number] => {
  const at = Math.floor(i / (outputs / inputs));
  return [at, at + 1];
};

/** Answer column of a workflow → names of the request columns it is made from. */
function workflowReads(plan: Plan, workflowOf: WorkflowOf): ReadonlyMap<string, ReadonlySet<string>> {
  const reads = new Map<string, ReadonlySet<string>>();
  const key = (ref: Pick<ColumnRef, "step" | "column">) => `${ref.step}\n${ref.column}`;
  for (const { name } of plan.inputs) reads.set(key({ step: REQUEST_STEP, column: name }), new Set([name]));
  for (const step of plan.steps) {
    const sources = columnSources(step, workflowOf);
    for (const [i, { name }] of step.outputs.entries())
      reads.set(
        key({ step: step.id, column: name }),
        new Set(sources[i]!.flatMap(ref => [...(reads.get(key(ref)) ?? [])])),
      );
  }
  return new Map(plan.outputs.map(({ ref, schema }) => [schema.name, reads.get(key(ref)) ?? new Set()]));
}
