/**
 * A fitted workflow's folder -> its plan, checked for what a reader relies on: every step that learns has its state, every vocabulary
 * is there.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expandFused } from "../../contract/expand-fused.js";
import { type Plan, PlanError, parsePlan } from "../../contract/plan.js";
import { factsOf } from "../../contract/step-facts.js";
import { checkFitted } from "./manifest.js";

export const WORKFLOW_FILE = "workflow.json";

/**
 * @param folder written by `merlon fit`
 * @throws PlanError naming the folder or file, what is wrong and what to do; an artefact whose checksum is not the fit's is named, too
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
  const plan = expandFused(parsePlan(readFileSync(file, "utf8"), file));
  if (plan.kind !== "workflow") throw new PlanError(`${file}: this is the plan of an ensemble, not of a workflow.`);
  for (const step of plan.steps) {
    const { learns } = factsOf(step.op);
    if (learns === undefined) continue;
    if (learns === "tables") {
      for (const table of Object.values((step.state ?? {}) as Readonly<Record<string, string>>))
        if (!existsSync(join(folder, table)))
          throw new PlanError(
            `${file}: step \`${step.id}\` (${step.op}): table ${table} is missing. Run \`merlon fit\` again.`,
          );
      continue;
    }
    const columns = learntColumns(step.state);
    // A vocabulary may be of several columns, and is known by what they are encoded to.
    for (const { name } of learns === "of outputs" ? step.outputs : (step.inputs.input ?? [])) {
      const state = columns.get(name);
      if (!state)
        throw new PlanError(
          `${file}: step \`${step.id}\` (${step.op}) has not learnt column \`${name}\`. Run \`merlon fit\` again.`,
        );
      const artefact = state.vocabulary ?? state.table;
      if (artefact !== undefined && !existsSync(join(folder, artefact)))
        throw new PlanError(
          `${file}: step \`${step.id}\` (${step.op}): ${state.vocabulary ? "vocabulary" : "table"} ${artefact} is missing. Run \`merlon fit\` again.`,
        );
    }
  }
  checkFitted(folder, plan);
  return plan;
}

interface Learnt {
  readonly vocabulary?: string;
  readonly table?: string;
}

/** What a step knows of each column: on its own, or in a group with others. */
function learntColumns(state: unknown): ReadonlyMap<string, Learnt> {
  const { columns = {}, groups = [] } = (state ?? {}) as {
    columns?: Readonly<Record<string, Learnt>>;
    groups?: readonly { readonly columns: readonly string[]; readonly table: string }[];
  };
  return new Map([
    ...Object.entries(columns),
    ...groups.flatMap(({ columns: names, table }) => names.map(name => [name, { table }] as const)),
  ]);
}
