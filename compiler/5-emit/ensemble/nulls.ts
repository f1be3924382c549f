/**
 * Which columns of a plan may hold nulls: those travel between stages with a tensor that marks them.
 */

import { columnsReadBy } from "../../../contract/any-step.js";
import { markable } from "../../../contract/column-tensors.js";
import { sourceInside } from "../../../contract/expand-fused.js";
import { type AnyStep, type Plan, parsePlan, REQUEST_STEP, type Step } from "../../../contract/plan.js";
import { hasNullLists } from "../../../contract/schema.js";
import { appliesWorkflow, factsOf, mayBeNull } from "../../../contract/step-facts.js";
import { readWorkflow } from "../../../formats/folders/workflow.js";
import { datatype } from "../../../triton-protos/datatype.js";
import type { InferredStep } from "../../3-graph/infer.js";

/** The fitted workflow of each step of a program; a step that takes a part of a workflow brings that part along. */
export function workflowsOf(steps: readonly InferredStep[]): WorkflowOf {
  const inferred = new Map(steps.map(step => [step.id, step]));
  return ({ id }) => {
    const [whole, part] = inferred.get(id)?.files ?? [];
    if (part && "text" in part) return parsePlan(part.text, part.to);
    return whole && "from" in whole ? readWorkflow(whole.from) : undefined;
  };
}

/** The fitted workflow of a step; undefined where it can't be read, and its columns may then hold nulls. */
export type WorkflowOf = (step: Step<"transformWorkflow">) => Plan | undefined;

/**
 * @param given columns of the request that may hold nulls: none on the wire, some in a workflow that an ensemble calls
 * @param unsettled the answer for operators that make nulls only for some values, such as functions
 * @returns the `placeKey` of each column that may
 */
export function nullableColumns(
  plan: Pick<Plan, "steps">,
  workflowOf: WorkflowOf,
  given: ReadonlySet<string> = new Set(),
  unsettled = true,
): ReadonlySet<string> {
  const nullable = new Set([...given].map(name => key(REQUEST_STEP, name)));
  const lists = new Set(
    plan.steps.flatMap(({ id, outputs }) => outputs.filter(hasNullLists).map(c => key(id, c.name))),
  );
  for (const step of plan.steps) {
    if (step.parts) {
      for (const column of fusedWithNulls(step, nullable, workflowOf, unsettled)) nullable.add(key(step.id, column));
      continue;
    }
    const read = columnsReadBy(step).map(({ name, step: from, column }) => ({
      name,
      nullable: nullable.has(key(from, column)),
      isList: lists.has(key(from, column)),
    }));
    const may = columnsWithNulls(step, read, workflowOf, unsettled);
    for (const [i, { name }] of step.outputs.entries()) if (may(name, i)) nullable.add(key(step.id, name));
  }
  return nullable;
}

/**
 * Outputs with a mask of their null values, by name: those that may have nulls. Exceptions are floats, whose NaN is the null unless it is a
 * whole list, and those whose mask would have the name of another output.
 */
export function nullableAnswers({ steps, outputs }: Plan, workflowOf: WorkflowOf): ReadonlySet<string> {
  const nullable = nullableColumns({ steps }, workflowOf);
  const columns = outputs.map(({ ref, schema }) => ({ ...schema, ref }));
  return new Set(
    markable(columns).flatMap(({ name, ref, dtype, list }) =>
      nullable.has(key(ref.step, ref.column)) && (datatype(dtype).kind !== "float" || hasNullLists({ list }))
        ? [name]
        : [],
    ),
  );
}

const key = (step: string, column: string): string => `${step}\n${column}`;

/** Outputs of a fused step that may hold nulls, as its parts say. */
function fusedWithNulls(
  step: Step<"fused">,
  nullable: ReadonlySet<string>,
  workflowOf: WorkflowOf,
  unsettled: boolean,
): readonly string[] {
  const read = step.inputs.input.filter(ref => nullable.has(key(ref.step, ref.column))).map(ref => ref.name);
  const inside = nullableColumns({ steps: step.parts }, workflowOf, new Set(read), unsettled);
  return step.outputs.flatMap(({ name }) => {
    const made = sourceInside(step, name);
    return inside.has(key(made.step, made.column)) ? [name] : [];
  });
}

function columnsWithNulls(
  step: AnyStep,
  read: readonly { readonly name: string; readonly nullable: boolean; readonly isList: boolean }[],
  workflowOf: WorkflowOf,
  unsettled: boolean,
): (column: string, place: number) => boolean {
  const { nulls } = factsOf(step.op);
  if (nulls === "none") return () => false;
  if (nulls === "as read") return (_, place) => read[place]?.nullable ?? true;
  if (appliesWorkflow(step)) {
    const workflow = workflowOf(step);
    if (!workflow) return () => unsettled;
    // A workflow reads a null list as an empty one.
    const given = new Set(read.filter(c => c.nullable && !c.isList).map(c => c.name));
    const inside = nullableColumns(workflow, workflowOf, given, unsettled);
    return name => {
      const ref = workflow.outputs.find(o => o.schema.name === name)?.ref;
      return ref ? inside.has(key(ref.step, ref.column)) : unsettled;
    };
  }
  const nullable = read.map(c => c.nullable);
  return name => mayBeNull(step, name, nullable) ?? unsettled;
}
