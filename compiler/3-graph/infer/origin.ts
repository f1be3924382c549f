/** The origin of a step's candidates. */
import { bringsRows, chooses, factsOf } from "../../../contract/step-facts.js";
import type { Bound } from "../../../operators/shared/author/bound.js";
import type { Inference, InferredStep } from "./inference.js";

export type StepsById = ReadonlyMap<string, InferredStep>;

export const stepsById = ({ steps }: Inference): StepsById => new Map(steps.map(step => [step.id, step]));

/**
 * The step that found a step's candidates: the nearest before it that brings rows. Undefined where several sources were put together, or where
 * the rows are the request's own.
 */
export function broughtBy(step: InferredStep, steps: StepsById): InferredStep | undefined {
  let at: InferredStep | undefined = step;
  while (at) {
    const from: Bound | undefined = rowsColumn(at);
    at = from && steps.get(from.ref.step);
    if (at && bringsRows(at)) return at;
  }
  return undefined;
}

/** The column whose rows are those that a step reads. */
function rowsColumn({ op, params, inputs }: InferredStep): Bound | undefined {
  const { gathers, passes } = factsOf(op);
  if (gathers) return undefined;
  const name = passes?.rowsBy(params);
  return inputs.input.find(({ column }) => name === undefined || column.name === name);
}

/** The step that made the ids of a column, past those that only choose among them, or pass them on. */
export function idsFrom(column: Bound, steps: StepsById): InferredStep | undefined {
  let at = column;
  for (;;) {
    const step = steps.get(at.ref.step);
    if (!step || bringsRows(step)) return step;
    const before = sameIds(step, at.ref.column);
    if (!before) return undefined;
    at = before;
  }
}

/** The column that a step has its ids from. */
function sameIds(step: InferredStep, made: string): Bound | undefined {
  const { gathers, passes } = factsOf(step.op);
  const { input } = step.inputs;
  if (passes) return input.find(({ column }) => column.name === made);
  if (gathers || !chooses(step) || !step.outputs.some(({ name, tags }) => name === made && tags.includes("id")))
    return undefined;
  return input.length === 1 ? input[0] : undefined;
}

/** Path of the fitted workflow that made a column, past steps that pass it on. */
export function workflowOf(column: Bound, steps: StepsById): string | undefined {
  const step = steps.get(column.ref.step);
  if (!step) return undefined;
  if (factsOf(step.op).appliesWorkflow && "path" in step.params) return String(step.params.path);
  const before = factsOf(step.op).passes && step.inputs.input.find(bound => bound.column.name === column.ref.column);
  return before && workflowOf(before, steps);
}
