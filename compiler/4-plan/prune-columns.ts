/**
 * Drops columns that are never read, steps whose columns are never read, and request columns that no step needs. Walks the steps backwards once.
 */

import { columnsReadBy } from "../../contract/any-step.js";
import type { AnyStep, ColumnRef } from "../../contract/plan.js";
import { looksUp, narrowed } from "../../contract/step-facts.js";
import { noteNames, type Pass, type PassNote } from "./pass.js";

export const pruneColumns: Pass = (plan, note) => {
  const read = new Set<string>();
  const key = (step: string, column: string) => `${step}\n${column}`;
  const mark = (ref: ColumnRef) => read.add(key(ref.step, ref.column));
  for (const { ref } of plan.outputs) mark(ref);
  const steps: AnyStep[] = [];
  const notes: PassNote[] = [];
  for (const step of [...plan.steps].reverse()) {
    if (!step.outputs.some(c => read.has(key(step.id, c.name)))) {
      const lookups = looksUp(step.op) ? { lookups: 1 } : {};
      const saves = { steps: 1, columns: step.outputs.length, ...lookups };
      notes.unshift({ step: step.id, text: "is removed: no step reads its output", saves });
      continue;
    }
    const isRead = (column: string) => read.has(key(step.id, column));
    const pruned = step.outputs.every(c => isRead(c.name)) ? step : narrowed(step, isRead);
    for (const ref of columnsReadBy(pruned)) mark(ref);
    steps.unshift(pruned);
    const dropped = step.outputs.filter(c => !pruned.outputs.includes(c)).map(c => c.name);
    if (dropped.length)
      notes.unshift({
        step: step.id,
        text: `${looksUp(step.op) ? "does not fetch" : "does not make"} ${noteNames(dropped)}: nobody reads ${dropped.length > 1 ? "them" : "it"}`,
        saves: { columns: dropped.length },
      });
  }
  for (const each of notes) note(each);
  return {
    ...plan,
    steps,
    inputs: plan.kind === "workflow" ? plan.inputs.filter(c => read.has(key("request", c.name))) : plan.inputs,
  };
};
