/**
 * Steps of a plan → which of them only one side of a `fallback` or a `choose` needs, or one source of a merge. A fault or a timeout of such a step affects the side
 * and not the request. If no row takes the side, it does not run.
 */

import type { AnyStep, Plan } from "../../../contract/plan.js";
import { choosesByCondition, type Side, sidesOf } from "../../../contract/step-facts.js";

export const isChoice = (step: AnyStep): boolean => sidesOf(step) !== undefined;

/** A step belongs to this side of that choice, by its place in the plan. */
export interface Guard {
  readonly choice: number;
  readonly side: Side;
}

/** @returns by step: the innermost side it belongs to, or undefined where the request needs it */
export function guards(plan: Pick<Plan, "steps" | "outputs">): readonly (Guard | undefined)[] {
  const { steps } = plan;
  const placeOf = new Map(steps.map((step, i) => [step.id, i]));
  const readsOf = (step: AnyStep, ports?: readonly string[]): number[] =>
    Object.entries(step.inputs).flatMap(([port, refs]) =>
      ports === undefined || ports.includes(port) ? refs.flatMap(ref => placeOf.get(ref.step) ?? []) : [],
    );
  const answered = new Set(plan.outputs.flatMap(({ ref }) => placeOf.get(ref.step) ?? []));
  const readers = steps.map((_, i) => steps.flatMap((step, reader) => (readsOf(step).includes(i) ? reader : [])));
  const above = (first: readonly number[]): Set<number> => {
    const found = new Set<number>();
    const visit = (i: number): void => {
      if (found.has(i)) return;
      found.add(i);
      for (const read of readsOf(steps[i]!)) visit(read);
    };
    for (const i of first) visit(i);
    return found;
  };
  const found: (Guard & { readonly size: number })[] = [];
  const guard: ((typeof found)[number] | undefined)[] = steps.map(() => undefined);
  steps.forEach((step, choice) => {
    const sides = sidesOf(step);
    if (!sides) return;
    // The condition's steps are always needed.
    const deciding = choosesByCondition(step.op) ? above(readsOf(step, ["input"])) : new Set<number>();
    for (const side of sides) {
      const other = above(
        readsOf(
          step,
          sides.filter(name => name !== side),
        ),
      );
      const mine = above(readsOf(step, [side]));
      const own = new Set([...mine].filter(i => !other.has(i) && !deciding.has(i) && !answered.has(i)));
      // Other readers of a step of the branch need it too.
      for (let changed = true; changed; ) {
        changed = false;
        for (const i of own)
          if (readers[i]!.some(reader => reader !== choice && !own.has(reader))) {
            own.delete(i);
            changed = true;
          }
      }
      for (const i of own) if (!guard[i] || own.size < guard[i].size) guard[i] = { choice, side, size: own.size };
    }
  });
  return guard.map(g => g && { choice: g.choice, side: g.side });
}
