/**
 * Plan and the steps that may be fused → groups of two and more that read each other, each of which may run as one step.
 */
import { columnsReadBy } from "../../contract/any-step.js";
import { type AnyStep, type Plan, REQUEST_STEP } from "../../contract/plan.js";

type Group = readonly AnyStep[];

/** @returns groups, their members in the plan's order */
export function groupSteps(plan: Plan, fusible: ReadonlySet<string>): readonly Group[] {
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
