/** Steps of a plan → the stages of its runs, and a place for each column. */
import { columnsReadBy } from "../../../contract/any-step.js";
import { type AnyStep, type ColumnRef, type Plan, REQUEST_STEP } from "../../../contract/plan.js";
import { choosesByCondition, looksUp } from "../../../contract/step-facts.js";
import { type Guard, guards, isChoice } from "./branches.js";
import type { PreparedKernel } from "./kernel.js";
import type { Stage } from "./stage.js";
import type { StageCounters } from "./stage-counters.js";

/** A place among a run's columns for each column of a plan; request columns are first. */
export interface Slots {
  readonly count: number;
  of(ref: Pick<ColumnRef, "step" | "column">): number;
}

/** The place of a column that the plan does not have. */
const NOWHERE = -1;

export function slotsOf(plan: Plan): Slots {
  const places = new Map<string, Map<string, number>>();
  let count = 0;
  const place = (step: string, columns: readonly { readonly name: string }[]): void => {
    places.set(step, new Map(columns.map(({ name }) => [name, count++])));
  };
  place(REQUEST_STEP, plan.inputs);
  for (const { id, outputs } of plan.steps) place(id, outputs);
  return { count, of: ({ step, column }) => places.get(step)?.get(column) ?? NOWHERE };
}

/** The kernel and the counters of a step, by its id. */
export type Prepared = ReadonlyMap<string, { readonly kernel: PreparedKernel; readonly counters: StageCounters }>;

/** @param plan some steps of a plan, or all; columns of others are there before its run */
export function stagesOf(plan: Pick<Plan, "steps" | "outputs">, slots: Slots, prepared: Prepared): readonly Stage[] {
  const { steps } = plan;
  const indexOf = new Map(steps.map((step, i) => [step.id, i]));
  const sources = steps.map(step => new Set(columnsReadBy(step).flatMap(ref => indexOf.get(ref.step) ?? [])));
  const guard = guards(plan);
  return steps.map((step, i): Stage => {
    const ports = Object.entries(step.inputs).map(([port, refs]) => [port, refs.map(slots.of)] as const);
    const readers = sources.flatMap((read, reader) => (read.has(i) ? reader : []));
    const reads = [...sources[i]!];
    const [first] = step.outputs;
    return {
      step,
      ...prepared.get(step.id)!,
      ports,
      firstOutput: first ? slots.of({ step: step.id, column: first.name }) : 0,
      chooses: isChoice(step),
      readers,
      reads,
      guard: guard[i],
      waitsFor: conditionsAbove(steps, guard, i),
    };
  });
}

/** Stages, and the places of a run's columns. */
export interface Layout {
  readonly plan: Plan;
  readonly stages: readonly Stage[];
  /** Whether several steps look features up, which a store may change between them. */
  readonly asksTwice: boolean;
  readonly slots: Slots;
  /** Slots of the answer's columns. */
  readonly outputs: readonly number[];
}

export function layOut(plan: Plan, slots: Slots, prepared: Prepared): Layout {
  const stages = stagesOf(plan, slots, prepared);
  return {
    plan,
    stages,
    asksTwice: plan.steps.filter(({ op }) => looksUp(op)).length > 1,
    slots,
    outputs: plan.outputs.map(({ ref }) => slots.of(ref)),
  };
}

/** Choices by condition whose sides the step is in, however deep. */
function conditionsAbove(
  steps: readonly AnyStep[],
  guard: readonly (Guard | undefined)[],
  step: number,
): readonly number[] {
  const above = guard[step]?.choice;
  if (above === undefined) return [];
  return [...(choosesByCondition(steps[above]!.op) ? [above] : []), ...conditionsAbove(steps, guard, above)];
}
