/**
 * A fitted plan and its vocabularies → the workflow's folder on disk, atomically. A reader and a `kill -9` find the old folder or the new
 * one, never a mixture.
 */
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type Plan, printPlan } from "../../contract/plan.js";
import type { Schema } from "../../contract/schema.js";
import { fittedProgram, type ProgramFiles } from "../../formats/folders/fitted-program.js";
import { MANIFEST_FILE, printManifest } from "../../formats/folders/manifest.js";
import { outputFolder } from "../../formats/folders/output-folder.js";
import { StagingFolder } from "../../formats/folders/replace-folder.js";
import { WORKFLOW_FILE } from "../../formats/folders/workflow.js";
import { printMerlinJson, printMerlinPbtxt } from "../../formats/merlin-schema/merlin-schema.js";
import { RuntimeFault } from "../base/errors.js";

/**
 * Writes a fitted workflow's folder.
 * @param out the folder; one that `merlon fit` wrote before is replaced, any other that is not empty is refused
 * @param fill writes vocabularies into the folder it is given (beside `out`, not yet in place) and answers the fitted plan
 * @param program what the plan was made of: the manifest notes it, so that an edit after the fit is seen
 */
export async function writeFittedWorkflow(
  out: string,
  fill: (folder: string) => Promise<Plan>,
  program?: ProgramFiles,
): Promise<Plan> {
  refuseForeign(out, WORKFLOW_FILE, "merlon fit");
  const staging = new StagingFolder(out);
  try {
    const plan = await fill(staging.path);
    await writeFile(join(staging.path, WORKFLOW_FILE), printPlan(plan));
    await writeSchemas(
      staging.path,
      plan.outputs.map(output => output.schema),
    );
    await writeFile(
      join(staging.path, MANIFEST_FILE),
      printManifest(staging.path, { plan, program: program && fittedProgram(resolve(out), program) }),
    );
    staging.replace();
    return plan;
  } finally {
    staging.dispose();
  }
}

/** `schema.pbtxt` and `.merlin/schema.json`, where Merlin's own readers look. */
export async function writeSchemas(folder: string, schema: Schema): Promise<void> {
  await mkdir(join(folder, ".merlin"), { recursive: true });
  await writeFile(join(folder, "schema.pbtxt"), printMerlinPbtxt(schema));
  await writeFile(join(folder, ".merlin", "schema.json"), printMerlinJson(schema));
}

/** Refuses to replace a folder that something else filled. `mark` is a file that only our own folders hold. */
export function refuseForeign(out: string, mark: string, command: string): void {
  try {
    outputFolder(out, { command, isOwn: folder => existsSync(join(folder, mark)) });
  } catch (error) {
    throw new RuntimeFault("ALREADY_EXISTS", (error as Error).message, { cause: error });
  }
}
