/**
 * Step → for each of its columns, the columns it is made from. Maps columns of one-to-one operators, and of fitted workflows; otherwise a
 * column depends on everything its step reads.
 */

import { columnsReadBy } from "../../contract/any-step.js";
import { sourceInside } from "../../contract/expand-fused.js";
import { type AnyStep, type ColumnRef, type Plan, REQUEST_STEP, type Step } from "../../contract/plan.js";
import { appliesWorkflow, columnsOfStep, passedBy } from "../../contract/step-facts.js";

/** Finds the plan of a fitted workflow; undefined where its file is not at hand. */
export type WorkflowOf = (step: Extract<AnyStep, { op: "transformWorkflow" }>) => Plan | undefined;

/** @returns one entry per output, in order */
export function columnSources(step: AnyStep, workflowOf: WorkflowOf): readonly (readonly ColumnRef[])[] {
  if (step.parts) return fusedSources(step, workflowOf);
  const all = columnsReadBy(step);
  const { input } = step.inputs;
  // A function of several columns makes one.
  if (columnsOfStep(step) === "one by one" && step.outputs.length >= input.length) {
    return step.outputs.map((_, i) => input.slice(...oneOf(i, input.length, step.outputs.length)));
  }
  const passed = passedBy(step);
  if (passed) return passed.columns.map(ref => [ref]);
  if (appliesWorkflow(step)) {
    const workflow = workflowOf(step);
    if (workflow) {
      const reads = workflowReads(workflow, workflowOf);
      return step.outputs.map(({ name }) => all.filter(ref => reads.get(name)?.has(ref.name)));
    }
  }
  return step.outputs.map(() => all);
}

/** Through the parts, to the inputs of the whole. */
function fusedSources(step: Step<"fused">, workflowOf: WorkflowOf): readonly (readonly ColumnRef[])[] {
  const outside = { inputs: step.inputs.input.map(ref => ({ name: ref.name })), steps: step.parts };
  const reads = columnReads(outside, workflowOf);
  return step.outputs.map(({ name }) => {
    const names = reads.get(key(sourceInside(step, name)))!;
    return step.inputs.input.filter(ref => names.has(ref.name));
  });
}

/** The slice of inputs that output `i` is made from, where each input makes the same number of outputs. */
const oneOf = (i: number, inputs: number, outputs: number): [number, number] => {
  const at = Math.floor(i / (outputs / inputs));
  return [at, at + 1];
};

const key = (ref: Pick<ColumnRef, "step" | "column">) => `${ref.step}\n${ref.column}`;

/** Answer column of a workflow → names of the request columns it is made from. */
function workflowReads(plan: Plan, workflowOf: WorkflowOf): ReadonlyMap<string, ReadonlySet<string>> {
  const reads = columnReads(plan, workflowOf);
  return new Map(plan.outputs.map(({ ref, schema }) => [schema.name, reads.get(key(ref)) ?? new Set()]));
}

/** Every column → names of the request columns it is made from. */
function columnReads(
  plan: { readonly inputs: readonly { readonly name: string }[]; readonly steps: readonly AnyStep[] },
  workflowOf: WorkflowOf,
): ReadonlyMap<string, ReadonlySet<string>> {
  const reads = new Map<string, ReadonlySet<string>>();
  for (const { name } of plan.inputs) reads.set(key({ step: REQUEST_STEP, column: name }), new Set([name]));
  for (const step of plan.steps) {
    const sources = columnSources(step, workflowOf);
    for (const [i, { name }] of step.outputs.entries())
      reads.set(
        key({ step: step.id, column: name }),
        new Set(sources[i]!.flatMap(ref => [...(reads.get(key(ref)) ?? [])])),
      );
  }
  return reads;
}
