/**
 * Two steps with the same operator, parameters and inputs are one step: what reads the second reads the first.
 */

import { stateOf, withReferences } from "../../contract/any-step.js";
import type { AnyStep, ColumnRef } from "../../contract/plan.js";
import { draws, looksUp } from "../../contract/step-facts.js";
import type { Pass } from "./pass.js";

export const shareEqualSteps: Pass = (plan, note) => {
  const replaced = new Map<string, string>();
  const kept = new Map<string, AnyStep>();
  const redirect = (ref: ColumnRef): ColumnRef => ({ ...ref, step: replaced.get(ref.step) ?? ref.step });
  const steps: AnyStep[] = [];
  for (const step of plan.steps) {
    const outputs = step.outputs.map(c => ({ ...c, rows: replaced.get(c.rows) ?? c.rows }));
    const next = { ...withReferences(step, redirect), outputs } as AnyStep;
    // Rows that the step makes itself carry its id: they do not make it different from its twin.
    const key = JSON.stringify([
      step.op,
      step.params,
      stateOf(step),
      step.artefacts,
      step.cache,
      next.inputs,
      outputs.map(c => ({ ...c, rows: c.rows === step.id ? "" : c.rows })),
    ]);
    const twin = draws(step) ? undefined : kept.get(key);
    if (twin) {
      replaced.set(step.id, twin.id);
      note({
        step: step.id,
        into: twin.id,
        text: `is \`${twin.id}\` again: it runs once`,
        saves: { steps: 1, columns: step.outputs.length, ...(looksUp(step.op) && { lookups: 1 }) },
      });
    } else {
      kept.set(key, next);
      steps.push(next);
    }
  }
  return {
    ...plan,
    steps,
    outputs: plan.outputs.map(({ ref, schema }) => ({
      ref: redirect(ref),
      schema: { ...schema, rows: replaced.get(schema.rows) ?? schema.rows },
    })),
  };
};
