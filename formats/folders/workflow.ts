/**
 * A fitted workflow's folder → its plan, checked for a reader's requirements: every step that learns has its state, and every vocabulary
 * exists.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { stateOf } from "../../contract/any-step.js";
import { expandFused } from "../../contract/expand-fused.js";
import { learntColumns } from "../../contract/learnt-columns.js";
import { specOf } from "../../contract/op-state.js";
import { type FittedPlan, PlanError, parsePlan } from "../../contract/plan.js";
import { checkFitted } from "./manifest.js";

export const WORKFLOW_FILE = "workflow.json";

/**
 * @param folder written by `merlon fit`
 * @throws PlanError naming the folder or file, what is wrong and what to do; an artefact whose checksum is not the fit's is named, too
 */
export function readWorkflow(folder: string): FittedPlan {
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
  const plan = expandFused(parsePlan(readFileSync(file, "utf8"), file));
  if (plan.kind !== "workflow") throw new PlanError(`${file}: this is the plan of an ensemble, not of a workflow.`);
  for (const step of plan.steps) {
    const of = specOf(step.op).learns?.of;
    if (of === undefined) continue;
    const isMissing = (artefact: string) => !existsSync(join(folder, artefact));
    const missing = (what: string, artefact: string) =>
      new PlanError(
        `${file}: step \`${step.id}\` (${step.op}): ${what} ${artefact} is missing. Run \`merlon fit\` again.`,
      );
    if (of === "tables") {
      const table = Object.values(stateOf(step) as Readonly<Record<string, string>>).find(isMissing);
      if (table !== undefined) throw missing("table", table);
      continue;
    }
    for (const file of learntColumns(stateOf(step)).values())
      if (file && isMissing(file.path)) throw missing(file.what, file.path);
  }
  checkFitted(folder, plan);
  return plan;
}
