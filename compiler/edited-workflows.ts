/** Fitted workflows whose program was edited since: they still do what they did before the edit. */

import { dirname, relative } from "node:path";
import type { Plan } from "../contract/plan.js";
import { factsOf } from "../contract/step-facts.js";
import { editedProgram, sumOfPlan } from "../formats/folders/fitted-program.js";
import { readManifest } from "../formats/folders/manifest.js";
import { fileForm } from "./1-rewrite/file-form.js";
import type { InferredStep } from "./3-graph/infer.js";
import { isInside, projectOf } from "./3-graph/project.js";
import { diagnosticAt, type Finding } from "./diagnostics/diagnostic.js";
import * as messages from "./diagnostics/messages.js";
import type { Program } from "./phase.js";
import { faultSite } from "./place-faults.js";

/**
 * @param planOf compiles a workflow's file; undefined where it has mistakes
 * @returns a warning for each workflow whose program would be fitted to another plan now; its text alone may have changed
 */
export async function editedWorkflows(
  { sources, artefacts }: Program,
  steps: readonly InferredStep[],
  planOf: (file: string) => Promise<Plan | undefined>,
): Promise<Finding[]> {
  const applied = new Map<string, InferredStep>();
  for (const step of steps)
    if (factsOf(step.op).appliesWorkflow && "path" in step.params && step.params.path !== undefined)
      applied.set(step.params.path, step);
  const found: Finding[] = [];
  for (const [path, step] of applied) {
    const read = artefacts.workflow(path);
    const program = read.ok ? readManifest(read.path)?.program : undefined;
    const file = read.ok && program && editedProgram(read.path, program);
    if (!program || !file || !isOwnWorkflow(sources.entry, file)) continue;
    const plan = await planOf(file);
    if (plan && sumOfPlan(plan) === program.plan) continue;
    const message = messages.workflowEdited({ path, file: relative(process.cwd(), file) });
    const site = faultSite(sources, { site: step.site, blame: { literal: path } });
    found.push(diagnosticAt(site, message, [], "warning"));
  }
  return found;
}

/** The manifest of a folder from elsewhere may name any file, and compiling one runs it: only those of the project are. */
function isOwnWorkflow(entry: string, file: string): boolean {
  const project = projectOf(dirname(entry));
  const form = fileForm(file);
  return form !== undefined && form.kind !== "ensemble" && isInside(project ?? dirname(entry), file);
}
