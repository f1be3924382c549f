/**
 * Element-wise steps that read each other become one, which reads each column once. An intermediate result need not become a column before
 * the next step reads it. The author's steps stay in it as its parts.
 */

import { columnsReadBy, withReferences } from "../../contract/any-step.js";
import { isNonEmpty } from "../../contract/lists.js";
import { type AnyStep, type ColumnRef, keyOf, type Plan, REQUEST_STEP } from "../../contract/plan.js";
import { type ColumnSchema, REQUEST_ROWS } from "../../contract/schema.js";
import { factsOf, scoresOf } from "../../contract/step-facts.js";
import { datatype, isWide } from "../../triton-protos/datatype.js";
import { noteNames, type Pass } from "./pass.js";

export const fuseElementwise: Pass = (plan, note) => {
  const schemas = new Map(plan.inputs.map(c => [keyOf({ step: REQUEST_STEP, column: c.name }), c]));
  for (const step of plan.steps) for (const c of step.outputs) schemas.set(keyOf({ step: step.id, column: c.name }), c);
  const readers = readersOf(plan);
  const isScore = (step: AnyStep) => scoresOf(step) !== false && step.outputs.some(c => c.rows !== REQUEST_ROWS);
  // The results of an ensemble's function on candidates are part of `explain`.
  const fusible = new Set(
    plan.steps
      .filter(step => isFusible(step, schemas) && !(plan.kind === "ensemble" && isScore(step)))
      .map(step => step.id),
  );
  // 64-bit integers may not be read outside the block: it holds doubles, which are not exact.
  for (;;) {
    const groups = groupSteps(plan, fusible);
    const groupOf = new Map(groups.flatMap(group => group.map(step => [step.id, group] as const)));
    const wide = groups.flat().filter(step => {
      const inside = new Set(groupOf.get(step.id)!.map(s => s.id));
      const leaves = (c: ColumnSchema) =>
        (readers.get(keyOf({ step: step.id, column: c.name })) ?? []).some(reader => !inside.has(reader));
      return step.outputs.some(c => isWide(datatype(c.dtype)) && leaves(c));
    });
    if (wide.length === 0) return replace(plan, groups, readers, note);
    for (const step of wide) fusible.delete(step.id);
  }
};

/** Ids of the steps that read a column; `""` for the plan's outputs. */
function readersOf(plan: Plan): ReadonlyMap<string, readonly string[]> {
  const readers = new Map<string, string[]>();
  const read = (ref: ColumnRef, reader: string) => {
    const known = readers.get(keyOf(ref));
    known ? known.push(reader) : readers.set(keyOf(ref), [reader]);
  };
  for (const step of plan.steps) for (const ref of columnsReadBy(step)) read(ref, step.id);
  for (const { ref } of plan.outputs) read(ref, "");
  return readers;
}

function isFusible(step: AnyStep, schemas: ReadonlyMap<string, ColumnSchema>): boolean {
  // A step that keeps rows keeps those of its own step.
  const { fuses } = factsOf(step.op);
  if (!fuses || step.cache) return false;
  const inputs = columnsReadBy(step).map(ref => ({ name: ref.name, schema: schemas.get(keyOf(ref))! }));
  const areNumbers = [...inputs.map(i => i.schema), ...step.outputs].every(
    ({ dtype }) => datatype(dtype).kind !== "string" && datatype(dtype).duckdb !== null,
  );
  return areNumbers && (fuses === true || fuses(step.params, inputs));
}

type Outside = ReadonlyMap<string, Pick<ColumnRef, "step" | "column">>;

/** The plan with a step for each group, in an order in which each step follows those it reads. */
function replace(
  plan: Plan,
  groups: readonly (readonly AnyStep[])[],
  readers: ReadonlyMap<string, readonly string[]>,
  note: Parameters<Pass>[1],
): Plan {
  if (groups.length === 0) return plan;
  const moved = new Map<string, Pick<ColumnRef, "step" | "column">>();
  const fusedOf = new Map<string, AnyStep>();
  for (const group of groups) {
    const { step, outside } = fuse(group, readers);
    for (const part of group) fusedOf.set(part.id, step);
    for (const [column, now] of outside) moved.set(column, now);
    const [last] = group.slice(-1);
    note({
      step: last!.id,
      text: `takes in ${noteNames(group.slice(0, -1).map(s => s.id))}: one walk over each column`,
      saves: { steps: group.length - 1, columns: group.flatMap(s => s.outputs).length - step.outputs.length },
    });
  }
  const follow = (ref: ColumnRef): ColumnRef => ({ ...ref, ...moved.get(keyOf(ref)) });
  const steps = new Map<string, AnyStep>();
  for (const original of plan.steps) {
    const step = fusedOf.get(original.id) ?? original;
    steps.set(step.id, withReferences(step, follow));
  }
  return {
    ...plan,
    steps: inOrder([...steps.values()]),
    outputs: plan.outputs.map(({ ref, schema }) => ({ ref: follow(ref), schema })),
  };
}

/** Gives a name as it is the first time, and `name#2`, `name#3` where it is taken. */
function freeNames(): (name: string) => string {
  const taken = new Set<string>();
  return name => {
    let found = name;
    for (let n = 2; taken.has(found); n++) found = `${name}#${n}`;
    taken.add(found);
    return found;
  };
}

/** One step of several. It has the last one's name, which users associate with the output. */
function fuse(
  parts: readonly AnyStep[],
  readers: ReadonlyMap<string, readonly string[]>,
): { readonly step: AnyStep; readonly outside: Outside } {
  const { id, label } = parts.at(-1)!;
  const inside = new Set(parts.map(part => part.id));
  const inputs = new Map<string, ColumnRef>();
  const inputName = freeNames();
  const outputName = freeNames();
  const enter = (ref: ColumnRef): ColumnRef => {
    if (inside.has(ref.step)) return ref;
    const known = inputs.get(keyOf(ref)) ?? { ...ref, name: inputName(ref.name) };
    inputs.set(keyOf(ref), known);
    return { name: ref.name, step: REQUEST_STEP, column: known.name };
  };
  const own = parts.map(part => withReferences(part, enter));
  const outside = new Map<string, Pick<ColumnRef, "step" | "column">>();
  const from: Record<string, Pick<ColumnRef, "step" | "column">> = {};
  const outputs = parts.flatMap(part =>
    part.outputs.flatMap(c => {
      const here = { step: part.id, column: c.name };
      if ((readers.get(keyOf(here)) ?? []).every(reader => inside.has(reader))) return [];
      const name = outputName(c.name);
      from[name] = here;
      outside.set(keyOf(here), { step: id, column: name });
      return [{ ...c, name }];
    }),
  );
  const input = [...inputs.values()];
  if (!isNonEmpty(input)) throw new Error(`the steps fused as \`${id}\` read no columns.`);
  return {
    step: { id, op: "fused", label, params: { outputs: from }, inputs: { input }, outputs, parts: own },
    outside,
  };
}

function inOrder(steps: readonly AnyStep[]): readonly AnyStep[] {
  const byId = new Map(steps.map(step => [step.id, step]));
  const done = new Set<AnyStep>();
  const visit = (step: AnyStep): void => {
    if (done.has(step)) return;
    for (const ref of columnsReadBy(step)) {
      const read = byId.get(ref.step);
      if (read && !done.has(read)) visit(read);
    }
    done.add(step);
  };
  steps.forEach(visit);
  return [...done];
}

type Group = readonly AnyStep[];

/**
 * Plan and the steps that may be fused → groups of two and more that read each other, each of which may run as one step.
 * @returns groups, their members in the plan's order
 */
function groupSteps(plan: Plan, fusible: ReadonlySet<string>): readonly Group[] {
  const place = new Map(plan.steps.map((step, i) => [step.id, i]));
  const above = ancestors(plan);
  const groupOf = new Map<string, Group>();
  for (const step of plan.steps) {
    if (!fusible.has(step.id)) continue;
    const near = [...new Set(readsOf(step).map(id => groupOf.get(id)))].filter(group => group !== undefined);
    // With all that it reads, else with one of them, else alone.
    const choices = [near.flat(), ...near].map(members => [...members, step]);
    const group = choices.find(members => mayRun(members, above, plan.kind === "ensemble")) ?? [step];
    for (const member of group) groupOf.set(member.id, group);
  }
  return [...new Set(groupOf.values())]
    .filter(group => group.length > 1)
    .map(group => group.toSorted((a, b) => place.get(a.id)! - place.get(b.id)!));
}

/**
 * Whether steps may run as one: their dependencies must not depend on them. In an ensemble, whose steps wait for stores and models, none
 * may wait for more than before.
 */
function mayRun(members: Group, above: Ancestors, isEnsemble: boolean): boolean {
  const inside = new Set(members.map(member => member.id));
  const waits = members.map(({ id }) => [...above(id)].filter(other => !inside.has(other)));
  const all = new Set(waits.flat());
  if ([...all].some(id => [...above(id)].some(other => inside.has(other)))) return false;
  return !isEnsemble || waits.every(own => own.length === all.size);
}

const readsOf = (step: AnyStep): readonly string[] => [...new Set(columnsReadBy(step).map(ref => ref.step))];

/** Step → every other step that it needs, straight or through others. */
type Ancestors = (id: string) => ReadonlySet<string>;

function ancestors(plan: Plan): Ancestors {
  const found = new Map<string, ReadonlySet<string>>([[REQUEST_STEP, new Set()]]);
  for (const step of plan.steps) {
    const reads = readsOf(step).filter(id => id !== REQUEST_STEP);
    found.set(step.id, new Set(reads.flatMap(id => [id, ...(found.get(id) ?? [])])));
  }
  return id => found.get(id) ?? new Set();
}
