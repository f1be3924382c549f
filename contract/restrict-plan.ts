/**
 * Plan → the part that remains without some of its inputs, or the part that is a named subgraph.
 */

import { columnsReadBy, withColumns, withReferences } from "./any-step.js";
import { type AnyStep, type ColumnRef, type Plan, REQUEST_STEP } from "./plan.js";
import { logColumns } from "./plan-log.js";
import { columnsOfStep, factsOf, passedBy } from "./step-facts.js";

type Outputs = Plan["outputs"];
const keyOf = (step: string, column: string) => `${step}\n${column}`;

/** The plan of a subgraph's columns, with the inputs that these need and no others. Undefined: it has none of that name. */
export function subgraphOf(plan: Plan, name: string): Plan | undefined {
  const outputs = plan.subgraphs && Object.hasOwn(plan.subgraphs, name) ? plan.subgraphs[name] : undefined;
  if (!outputs) return undefined;
  const { subgraphs: _, ...rest } = plan;
  return keepWhatIsRead({ ...rest, outputs });
}

/**
 * The plan without some of its inputs and without every output made from one: label columns are there in training and not in serving.
 * A `filter` that reads such a column is removed too, and its rows are its input rows.
 */
export function withoutInputs(plan: Plan, names: readonly string[]): Plan {
  const gone = new Set(names.map(name => keyOf(REQUEST_STEP, name)));
  const dropped = new Map<string, AnyStep>();
  const follow = (ref: ColumnRef): ColumnRef => {
    const filter = dropped.get(ref.step);
    const to = filter?.inputs.input.find(r => r.name === ref.column);
    return to ? { ...follow(to), name: ref.name } : ref;
  };
  const rowsOf = (rows: string): string => {
    const filter = dropped.get(rows);
    return filter ? rowsOf(rowsBefore(plan, filter)) : rows;
  };
  const isGone = (ref: ColumnRef) => gone.has(keyOf(ref.step, ref.column));
  const steps: AnyStep[] = [];
  for (const original of plan.steps) {
    const outputs = original.outputs.map(c => ({ ...c, rows: rowsOf(c.rows) }));
    const step = { ...withReferences(original, follow), outputs } as AnyStep;
    const lost = sourcesOf(step).map(refs => refs.some(isGone));
    step.outputs.forEach((c, i) => {
      if (lost[i]) gone.add(keyOf(step.id, c.name));
    });
    const without = factsOf(step.op).leavesOut?.without;
    if (without === "nothing" && conditionOf(step).some(isGone)) {
      dropped.set(step.id, step);
      for (const ref of step.inputs.input) if (isGone(ref)) gone.add(keyOf(step.id, ref.name));
    } else if (lost.some(l => !l))
      steps.push(without === "the others" ? withoutLost(step, isGone) : narrow(step, i => !lost[i]));
  }
  const left = (outputs: Outputs): Outputs =>
    outputs.flatMap(({ ref, schema }) =>
      isGone(ref) ? [] : [{ ref: follow(ref), schema: { ...schema, rows: rowsOf(schema.rows) } }],
    );
  const [item] = plan.log ? left([plan.log.item]) : [];
  const log = plan.log &&
    item && { log: { ...plan.log, item, columns: left(plan.log.columns), ids: left(plan.log.ids) } };
  const subgraphs = plan.subgraphs && {
    subgraphs: Object.fromEntries(Object.entries(plan.subgraphs).map(([name, outputs]) => [name, left(outputs)])),
  };
  const inputs = plan.inputs.filter(c => !names.includes(c.name));
  const { log: _, ...rest } = plan;
  return keepWhatIsRead({ ...rest, ...subgraphs, ...log, inputs, steps, outputs: left(plan.outputs) });
}

/** The plan without its exposure log, and without the steps that only the log reads. The inputs of a request stay. */
export function withoutLog(plan: Plan): Plan {
  if (!plan.log) return plan;
  const { log: _, ...rest } = plan;
  return { ...keepWhatIsRead(rest), inputs: plan.inputs };
}

/**
 * The columns of the request that each output is made of, by output name. Conditions of steps that leave rows out do not count.
 * @param outputs those of the plan, or other columns
 */
export function sourcesByOutput(
  plan: Plan,
  outputs: readonly { readonly ref: ColumnRef; readonly schema: { readonly name: string } }[] = plan.outputs,
): ReadonlyMap<string, ReadonlySet<string>> {
  const made = new Map(plan.inputs.map(({ name }) => [keyOf(REQUEST_STEP, name), new Set([name])]));
  const union = (refs: readonly ColumnRef[]) =>
    new Set(refs.flatMap(({ step, column }) => [...(made.get(keyOf(step, column)) ?? [])]));
  for (const step of plan.steps) {
    const sources = sourcesOf(step);
    step.outputs.forEach(({ name }, i) => {
      made.set(keyOf(step.id, name), union(sources[i]!));
    });
  }
  return new Map(outputs.map(({ ref, schema }) => [schema.name, union([ref])]));
}

/** Steps, their columns and inputs, as far as outputs or subgraphs need them. */
function keepWhatIsRead(plan: Plan): Plan {
  const read = new Set<string>();
  const mark = (refs: readonly ColumnRef[]) => refs.forEach(ref => void read.add(keyOf(ref.step, ref.column)));
  const logged = plan.log ? logColumns(plan.log) : [];
  const asked = [...plan.outputs, ...Object.values(plan.subgraphs ?? {}).flat(), ...logged];
  mark(asked.map(output => output.ref));
  const steps: AnyStep[] = [];
  for (const step of [...plan.steps].reverse()) {
    const isRead = step.outputs.map(c => read.has(keyOf(step.id, c.name)));
    if (!isRead.includes(true)) continue;
    const kept = narrow(step, i => isRead[i]!);
    mark(columnsReadBy(kept));
    steps.unshift(kept);
  }
  return { ...plan, steps, inputs: plan.inputs.filter(c => read.has(keyOf(REQUEST_STEP, c.name))) };
}

/** Whether a step makes its outputs column by column: those of the first input, then those of the second, … */
const isColumnByColumn = (step: AnyStep): boolean => columnsOfStep(step) !== "together";

/** The sources of each output. */
function sourcesOf(step: AnyStep): readonly (readonly ColumnRef[])[] {
  const { input } = step.inputs;
  if (factsOf(step.op).leavesOut) return input.map(ref => [ref]);
  const passed = passedBy(step);
  // Every output needs the column that determines the rows.
  if (passed) return passed.columns.map(ref => (passed.rowsBy ? [ref, passed.rowsBy] : [ref]));
  const each = step.outputs.length / input.length;
  if (isColumnByColumn(step) && Number.isInteger(each))
    return step.outputs.map((_, i) => [input[Math.floor(i / each)]!]);
  const all = columnsReadBy(step);
  return step.outputs.map(() => all);
}

/** A step that drops rows, by the columns that remain. */
const withoutLost = (step: AnyStep, isGone: (ref: ColumnRef) => boolean): AnyStep => {
  const input = step.inputs.input.filter(ref => !isGone(ref));
  const outputs = step.outputs.filter(({ name }) => input.some(ref => ref.name === name));
  return withColumns(step, { ...step.inputs, input }, outputs);
};

/** Columns by which a step leaves rows out. */
const conditionOf = (step: AnyStep): readonly ColumnRef[] => {
  const { leavesOut } = factsOf(step.op);
  if (!leavesOut) return [];
  const { input } = step.inputs;
  const by = leavesOut.by(step.params);
  return by ? input.filter(ref => by.has(ref.name)) : input;
};

/** The step with some of its outputs, and with the inputs these need; whole where its outputs hang together. */
function narrow(step: AnyStep, keep: (output: number) => boolean): AnyStep {
  const sources = sourcesOf(step);
  if (step.outputs.every((_, i) => keep(i))) return step;
  const kept = step.outputs.flatMap((_, i) => (keep(i) ? sources[i]! : []));
  const needed = new Set([...kept, ...conditionOf(step)]);
  const isNeeded = (output: number) => sources[output]!.every(ref => needed.has(ref));
  if (columnsReadBy(step).every(ref => needed.has(ref))) return step;
  const inputs = Object.fromEntries(
    Object.entries(step.inputs).map(([port, refs]) => [port, refs.filter(ref => needed.has(ref))]),
  );
  return withColumns(
    step,
    inputs,
    step.outputs.filter((_, i) => isNeeded(i)),
  );
}

/** The rows a filter was given. */
function rowsBefore(plan: Plan, filter: Pick<AnyStep, "inputs">): string {
  const [ref] = filter.inputs.input;
  const schema =
    ref.step === REQUEST_STEP
      ? plan.inputs.find(c => c.name === ref.column)
      : plan.steps.find(s => s.id === ref.step)?.outputs.find(c => c.name === ref.column);
  return schema!.rows;
}
