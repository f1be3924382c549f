/**
 * Steps of a plan → which of them only one side of a `fallback` needs. A fault in such a step, or its lateness, is the side's and not the request's.
 */
import type { AnyStep, Plan } from "../../triton-protos/plan.js";

export type Side = "input" | "fallback";

/** A step belongs to this side of that `fallback` step, by its place in the plan. */
export interface Guard {
  readonly fallback: number;
  readonly side: Side;
}

/** @returns by step: the innermost side it belongs to, or undefined where the request needs it */
export function guards(plan: Plan): readonly (Guard | undefined)[] {
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
  steps.forEach((step, fallback) => {
    if (step.op !== "fallback") return;
    const sides = { input: above(readsOf(step, ["input"])), fallback: above(readsOf(step, ["fallback"])) };
    for (const side of ["input", "fallback"] as const) {
      const other = sides[side === "input" ? "fallback" : "input"];
      const own = new Set([...sides[side]].filter(i => !other.has(i) && !answered.has(i)));
      // Whoever else reads a step of the branch needs it.
      for (let changed = true; changed; ) {
        changed = false;
        for (const i of own)
          if (readers[i]!.some(reader => reader !== fallback && !own.has(reader))) {
            own.delete(i);
            changed = true;
          }
      }
      for (const i of own) if (!guard[i] || own.size < guard[i].size) guard[i] = { fallback, side, size: own.size };
    }
  });
  return guard.map(g => g && { fallback: g.fallback, side: g.side });
}
