/**
 * Operators that only say something about columns (tags, names, which of them stay) leave the plan: who reads their columns reads what they
 * read. Their metadata stays in the schemas of the outputs.
 */

import { withReferences } from "../../contract/any-step.js";
import { zip } from "../../contract/lists.js";
import type { AnyStep, ColumnRef } from "../../contract/plan.js";
import { factsOf } from "../../contract/step-facts.js";
import type { Pass } from "./pass.js";

export const forwardMetadata: Pass = (plan, note) => {
  const forwarded = new Map<string, ColumnRef>();
  const key = (step: string, column: string) => `${step}\n${column}`;
  const follow = (ref: ColumnRef): ColumnRef => {
    const to = forwarded.get(key(ref.step, ref.column));
    return to ? { name: ref.name, step: to.step, column: to.column } : ref;
  };
  const steps: AnyStep[] = [];
  for (const step of plan.steps) {
    const next = withReferences(step, follow);
    const { describes } = factsOf(step.op);
    if (describes) {
      for (const [c, ref] of zip(step.outputs, next.inputs.input)) forwarded.set(key(step.id, c.name), ref);
      note({
        step: step.id,
        text: `only ${describes} columns: its readers read what it read`,
        saves: { steps: 1 },
      });
    } else steps.push(next);
  }
  return { ...plan, steps, outputs: plan.outputs.map(({ ref, schema }) => ({ ref: follow(ref), schema })) };
};
