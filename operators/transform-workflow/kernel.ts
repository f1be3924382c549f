/** Columns a fitted workflow reads → the columns it makes, on the same rows: the steps that `merlon transform` runs offline. */
import { dirname } from "node:path";
import { FILE_LIMITS, readRegular } from "../../contract/files/read-regular.js";
import { type Plan, PlanError, parsePlan } from "../../contract/plan.js";
import type { Schema } from "../../contract/schema.js";
import { checkFitted } from "../../formats/folders/manifest.js";
import type { Column } from "../../runtime/base/columns/table.js";
import { invalid } from "../../runtime/base/errors.js";
import { readGolden } from "../../runtime/engine/golden/golden-rows.js";
import { replay, sayDifference } from "../../runtime/engine/golden/replay.js";
import type { Kernel, PrepareContext } from "../../runtime/engine/schedule/kernel.js";
import type { ExecutablePlan } from "../../runtime/engine/schedule/plan-result.js";
import { preparePlanWith } from "../../runtime/engine/schedule/prepare-plan.js";
import { artefactFile } from "../shared/kernel/artefact-file.js";

export const transformWorkflow: Kernel<"transformWorkflow"> = {
  prepare: async (step, context) => {
    const file = artefactFile(context.folder, step.artefacts.workflow);
    const plan = await readPlan(file);
    const folder = dirname(file);
    const executable = await preparePlanWith(context.prepareStep, plan, { ...context, folder });
    try {
      report(otherFit(step.outputs, plan.outputs, folder), context.onGoldenDifference);
      await replayGolden(executable, folder, context.onGoldenDifference);
    } catch (error) {
      await executable.close();
      throw error;
    }
    const refs = step.inputs.input;
    const reads = plan.inputs.map(({ name }) => refs.findIndex(ref => ref.name === name));
    const answers = step.outputs.map(({ name }) => plan.outputs.findIndex(({ schema }) => schema.name === name));
    const pick = (columns: readonly Column[]) => answers.map(i => columns[i]!);
    return {
      mixesRows: !executable.rowsAreIndependent,
      joins: executable.counters.flatMap(({ joins = [] }) => joins),
      run: (inputs, runContext) => {
        const columns = inputs.input;
        const made = executable.transform(
          reads.map(i => columns[i]),
          runContext,
        );
        return made instanceof Promise ? made.then(pick) : pick(made);
      },
      close: () => executable.close(),
    };
  },
};

/** @throws RuntimeFault if golden rows differ and no handler takes it as a warning */
async function replayGolden(
  executable: ExecutablePlan,
  folder: string,
  onDifference: PrepareContext["onGoldenDifference"],
): Promise<void> {
  const golden = onDifference === "skip" ? undefined : readGolden(folder);
  const difference = golden && (await replay(executable, golden));
  if (!difference) return;
  report(
    `golden rows of ${folder} differ from those stored at its fit: ${sayDifference(difference)}. Fit it again with this Merlon, or serve with \`--verify-workflows off\`.`,
    onDifference,
  );
}

/**
 * Models behind a workflow were checked against its fit as the ensemble was built. A message if the folder holds another fit since.
 * Undefined if it is the same, or if either is older than checksums of vocabularies.
 */
function otherFit(built: Schema, found: Plan["outputs"], folder: string): string | undefined {
  for (const { name, properties } of built) {
    const now = found.find(({ schema }) => schema.name === name)?.schema.properties.vocabulary_sum;
    const before = properties.vocabulary_sum;
    if (typeof now !== "string" || typeof before !== "string" || now === before) continue;
    const short = (sum: string) => sum.slice(0, "sha256:".length + 12);
    return `${folder} is another fit than the one of the build. Its ids of \`${name}\` are of vocabulary ${short(now)}, not ${short(before)}, and models would read them as ids of the old one. Build the ensemble again with models of this fit, bring back the folder, or serve with \`--verify-workflows off\`.`;
  }
  return undefined;
}

/** @throws RuntimeFault if no handler takes it as a warning */
function report(message: string | undefined, onDifference: PrepareContext["onGoldenDifference"]): void {
  if (message === undefined || onDifference === "skip") return;
  if (typeof onDifference !== "function") throw invalid(message);
  onDifference(message);
}

async function readPlan(file: string) {
  try {
    const plan = parsePlan((await readRegular(file, FILE_LIMITS.document)).toString(), file);
    if (plan.kind === "workflow") {
      checkFitted(dirname(file), plan);
      return plan;
    }
    throw new PlanError(`${file} is an ${plan.kind}, not a workflow.`);
  } catch (error) {
    throw invalid((error as Error).message, { cause: error });
  }
}
