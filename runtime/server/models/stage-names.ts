/**
 * The steps of a plan that a stage's name selects: a step's id or label, or a program variable for all its steps.
 */
import type { AnyStep, Plan } from "../../../contract/plan.js";

/** `ranking` of `ranking.predictOnnx`; a step that is a variable's only one may be named like it. */
const variableOf = ({ label }: AnyStep): string => label.split(".")[0]!;

/**
 * The steps of a name, in their order; none for an unknown name. @param name may have the model as a prefix: `recommend/ranking`
 */
export function stepsOf(model: string, plan: Plan, name: string): readonly AnyStep[] {
  const own = name.startsWith(`${model}/`) ? name.slice(model.length + 1) : name;
  const exact = plan.steps.filter(({ id, label }) => id === own || label === own);
  return exact.length > 0 ? exact.slice(-1) : plan.steps.filter(step => variableOf(step) === own);
}

/** Names that people may use, for messages. */
export const stageNames = (plan: Plan): readonly string[] => [...new Set(plan.steps.map(variableOf))];
