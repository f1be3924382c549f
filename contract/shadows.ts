/**
 * A plan with shadows → the part that responses are made of, and the part of each shadow. The first part
 * has no shadow at all, since a shadow returns the columns that it reads. No step of it can wait for a shadow or fail with it.
 */
import { columnsReadBy, withReferences } from "./any-step.js";
import { type AnyStep, type ColumnRef, type Plan, REQUEST_STEP, type Step } from "./plan.js";
import { logColumns, withLogColumns } from "./plan-log.js";
import { factsOf } from "./step-facts.js";

export const isShadow = (step: AnyStep): step is Step<"shadow"> => factsOf(step.op).runsBeside === true;

/** One shadow: the steps that it alone needs, and the columns that are compared, all in the plan's order. */
export interface ShadowPlan {
  readonly step: Step<"shadow">;
  /** Steps that responses do not need. Other columns that they read are those of the response's run. */
  readonly steps: readonly AnyStep[];
  readonly main: readonly ColumnRef[];
  readonly other: readonly ColumnRef[];
}

/** The plan without shadows and without the steps that only they need. The request keeps its columns. */
export function withoutShadows<P extends Plan>(plan: P): P {
  if (!plan.steps.some(isShadow)) return plan;
  const follow = followShadows(plan);
  const move = (output: Plan["outputs"][number]) => ({ ...output, ref: follow(output.ref) });
  const outputs = plan.outputs.map(move);
  const log = plan.log && withLogColumns(plan.log, logColumns(plan.log).map(move));
  const roots = [...outputs, ...(log ? logColumns(log) : [])].map(({ ref }) => ref);
  return { ...plan, outputs, ...(log && { log }), steps: stepsBehind(plan, follow, roots) };
}

/** The shadows beside columns that responses need. One inside the branch of another is not among them: see `shadowInside`. */
export function shadowsOf(plan: Plan): readonly ShadowPlan[] {
  const follow = followShadows(plan);
  const main = new Set(withoutShadows(plan).steps.map(({ id }) => id));
  const isThere = ({ step }: ColumnRef): boolean => step === REQUEST_STEP || main.has(step);
  return reachable(plan).flatMap(step => {
    const compared = step.inputs.input.map(follow);
    if (!compared.every(isThere)) return [];
    const other = step.inputs.shadow.map(follow);
    const steps = stepsBehind(plan, follow, other).filter(({ id }) => !main.has(id));
    return [{ step, steps, main: compared, other }];
  });
}

/** A shadow that only the branch of another one reads: it would never run. */
export function shadowInside(plan: Plan): { readonly inner: AnyStep; readonly outer: AnyStep } | undefined {
  const reached = new Set(reachable(plan).map(({ id }) => id));
  const inner = plan.steps.find(step => isShadow(step) && !reached.has(step.id));
  if (!inner) return undefined;
  const outer = plan.steps.find(
    step => isShadow(step) && behind(plan, step.inputs.shadow, columnsReadBy).has(inner.id),
  );
  return outer && { inner, outer };
}

/** Shadows that a response's columns pass through. */
function reachable(plan: Plan): readonly Step<"shadow">[] {
  const roots = [...plan.outputs, ...(plan.log ? logColumns(plan.log) : [])].map(({ ref }) => ref);
  const found = behind(plan, roots, step => (isShadow(step) ? step.inputs.input : columnsReadBy(step)));
  return plan.steps.filter(isShadow).filter(({ id }) => found.has(id));
}

function behind(
  { steps }: Plan,
  roots: readonly ColumnRef[],
  readBy: (step: AnyStep) => readonly ColumnRef[],
): ReadonlySet<string> {
  const found = new Set(roots.map(({ step }) => step));
  // Each step follows the steps it reads.
  for (const step of steps.toReversed()) if (found.has(step.id)) for (const ref of readBy(step)) found.add(ref.step);
  return found;
}

/** The steps that make columns, with shadows left out. */
function stepsBehind<P extends Plan>(
  plan: P,
  follow: (ref: ColumnRef) => ColumnRef,
  roots: readonly ColumnRef[],
): P["steps"] {
  const steps = plan.steps.flatMap(step => (isShadow(step) ? [] : [withReferences(step, follow)]));
  const found = behind({ ...plan, steps }, roots, columnsReadBy);
  return steps.filter(({ id }) => found.has(id));
}

/** A column of a shadow is the one that it reads at the same place. */
function followShadows({ steps }: Plan): (ref: ColumnRef) => ColumnRef {
  const shadows = new Map(steps.filter(isShadow).map(step => [step.id, step]));
  return function follow(ref): ColumnRef {
    const shadow = shadows.get(ref.step);
    const read = shadow?.inputs.input.find((_, i) => shadow.outputs[i]?.name === ref.column);
    return read ? { ...follow(read), name: ref.name } : ref;
  };
}
