/**
 * Drops columns that nobody reads, steps whose columns nobody reads, and request columns that no step needs. Walks the steps backwards once.
 */

import type { AnyStep, ColumnRef } from "../../contract/plan.js";
import { columnsOfStep, factsOf } from "../../contract/step-facts.js";
import { dropsRows } from "../../operators/query-feast/author.js";
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
      const lookups = step.op === "queryFeast" ? { lookups: 1 } : {};
      const saves = { steps: 1, columns: step.outputs.length, ...lookups };
      notes.unshift({ step: step.id, text: "is gone: nobody reads what it makes", saves });
      continue;
    }
    const pruned = pruneStep(step, c => read.has(key(step.id, c)));
    for (const refs of Object.values(pruned.inputs)) for (const ref of refs) mark(ref);
    steps.unshift(pruned);
    const dropped = step.outputs.filter(c => !pruned.outputs.includes(c)).map(c => c.name);
    if (dropped.length)
      notes.unshift({
        step: step.id,
        text: `${step.op === "queryFeast" ? "does not fetch" : "does not make"} ${noteNames(dropped)}: nobody reads ${dropped.length > 1 ? "them" : "it"}`,
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

function pruneStep(step: AnyStep, isRead: (column: string) => boolean): AnyStep {
  const { prunable } = factsOf(step.op);
  if (!prunable || step.outputs.every(c => isRead(c.name))) return step;
  const outputs = step.outputs.filter(c => isRead(c.name));
  const names = new Set(outputs.map(c => c.name));
  const named = <V>(record: Readonly<Record<string, V>>) =>
    Object.fromEntries(Object.entries(record).filter(([name]) => names.has(name)));
  if (step.op === "queryFeast") {
    // Which rows stay depends on every feature that it may drop them for.
    if (dropsRows(step.params.onMissing)) return step;
    const includeId = outputs.some(c => !Object.hasOwn(step.params.features, c.name));
    return { ...step, outputs, params: { ...step.params, features: named(step.params.features), includeId } };
  }
  if (step.op === "predictOnnx")
    return { ...step, outputs, params: { ...step.params, outputs: named(step.params.outputs) } };
  if (step.op === "unrollFeatures") return pruneUnroll(step, isRead);
  return columnsOfStep(step) === "one by one" && !isGrouped(step) ? pruneElementwise(step, isRead) : step;
}

/** Its outputs are the columns of both ports in order; the item column stays, since it tells the rows. */
function pruneUnroll(step: Extract<AnyStep, { op: "unrollFeatures" }>, isRead: (column: string) => boolean): AnyStep {
  const { input = [], unroll = [] } = step.inputs;
  const keep = step.outputs.map((c, i) => isRead(c.name) || input[i]?.name === step.params.itemColumn);
  return {
    ...step,
    outputs: step.outputs.filter((_, i) => keep[i]),
    inputs: {
      input: input.filter((_, i) => keep[i]),
      unroll: unroll.filter((_, i) => keep[input.length + i]),
    },
  };
}

/** An input goes when none of the outputs made from it is read; of `fillMissing` with flags there are two. */
function pruneElementwise(step: AnyStep, isRead: (column: string) => boolean): AnyStep {
  const input = step.inputs.input!;
  const each = step.outputs.length / input.length;
  // A function of several columns makes one, and needs them all.
  if (each < 1) return step;
  const keep = input.map((_, i) => step.outputs.slice(i * each, (i + 1) * each).some(c => isRead(c.name)));
  return {
    ...step,
    outputs: step.outputs.filter((_, i) => keep[Math.floor(i / each)]),
    inputs: { ...step.inputs, input: input.filter((_, i) => keep[i]) },
  } as AnyStep;
}

/** A vocabulary of several columns is learnt from all of them, whoever reads what they are encoded to. */
const isGrouped = (step: AnyStep): boolean =>
  step.op === "categorify" && step.params.groups.some(group => group.length > 1);
