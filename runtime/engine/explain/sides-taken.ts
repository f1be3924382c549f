/** The branches that the rows of a run took, for reports of a run. */
import { columnsAt } from "../../../contract/any-step.js";
import type { AnyStep, Plan } from "../../../contract/plan.js";
import { REQUEST_ROWS } from "../../../contract/schema.js";
import { choosesByOutcome, factsOf, sidesOf } from "../../../contract/step-facts.js";
import { guards } from "../schedule/branches.js";
import type { PlanResult } from "../schedule/plan-result.js";

/** Branches and sources that a run did without. */
export type Outcomes = Pick<PlanResult, "fallbacks" | "leftOut">;

/** Whether a step's work, by its place in the plan, is for this row's result. */
export type IsTaken = (step: number, row: number) => boolean;
export type SidesTaken = (outcomes: Outcomes, taken: PlanResult["sides"]) => IsTaken;

/**
 * The branches of a plan, for many runs of it. A branch runs for a whole batch if one of its rows takes it, and both sides of a fallback may
 * have run.
 */
export function sideReader(plan: Plan): { readonly takenOf: SidesTaken; guarded(step: number): boolean } {
  const guard = guards(plan);
  const takenOf: SidesTaken = ({ fallbacks, leftOut }, taken) =>
    function isTaken(step, row): boolean {
      const above = guard[step];
      if (!above) return true;
      const choice = plan.steps[above.choice]!;
      const number = sidesOf(choice)!.indexOf(above.side);
      if (choosesByOutcome(choice.op)) return fallbacks.has(choice.id) !== (number === 0) && isTaken(above.choice, row);
      if (factsOf(choice.op).gathers) return !leftOut.get(choice.id)?.has(above.side) && isTaken(above.choice, row);
      const isPerRow = (readRows(choice, plan, "input") ?? REQUEST_ROWS) === REQUEST_ROWS;
      const own = isPerRow ? taken.get(choice.id)?.[row] : undefined;
      return (own === undefined || own === number) && isTaken(above.choice, row);
    };
  return { takenOf, guarded: step => guard[step] !== undefined };
}

/** The same for one run. */
export const sidesTaken = (plan: Plan, outcomes: Outcomes, taken: PlanResult["sides"]): IsTaken =>
  sideReader(plan).takenOf(outcomes, taken);

/** The rows that a step's first input at a port has. */
export function readRows(step: AnyStep, plan: Plan, port: string): string | undefined {
  const first = columnsAt(step, port)?.[0];
  const maker = plan.steps.find(s => s.id === first?.step);
  return maker?.outputs.find(c => c.name === first?.column)?.rows;
}
