/**
 * A fitted workflow's folder -> its plan, checked for what a reader relies on: every step that learns has its state, every vocabulary
 * is there.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { isFittedOp } from "../op-params.js";
import { type Plan, PlanError, parsePlan } from "../plan.js";

export const WORKFLOW_FILE = "workflow.json";

/**
 * @param folder written by `merlon fit`
 * @throws PlanError naming the folder or file, what is wrong and what to do
 */
export function readWorkflow(folder: string): Plan {
  const file = join(folder, WORKFLOW_FILE);
  if (!existsSync(folder))
    throw new PlanError(
      `${folder}: there is no such folder. Fit the workflow first: \`merlon fit NAME.workflow.ts --data … --out ${folder}\`.`,
    );
  if (!statSync(folder).isDirectory()) throw new PlanError(`${folder}: this is a file; a fitted workflow is a folder.`);
  if (!existsSync(file))
    throw new PlanError(
      `${folder}: there is no ${WORKFLOW_FILE} in it. Give the folder that \`merlon fit --out\` wrote.`,
    );
  const plan = parsePlan(readFileSync(file, "utf8"), file);
  if (plan.kind !== "workflow") throw new PlanError(`${file}: this is the plan of an ensemble, not of a workflow.`);
  for (const step of plan.steps) {
    if (!isFittedOp(step.op)) continue;
    const columns = (step.state as { columns: Record<string, { vocabulary?: string }> } | undefined)?.columns;
    for (const { name } of step.inputs.input ?? []) {
      const state = columns && Object.hasOwn(columns, name) ? columns[name] : undefined;
      if (!state)
        throw new PlanError(
          `${file}: step \`${step.id}\` (${step.op}) has not learnt column \`${name}\`. Run \`merlon fit\` again.`,
        );
      if (state.vocabulary !== undefined && !existsSync(join(folder, state.vocabulary)))
        throw new PlanError(
          `${file}: step \`${step.id}\` (${step.op}): vocabulary ${state.vocabulary} is missing. Run \`merlon fit\` again.`,
        );
    }
  }
  return plan;
}
