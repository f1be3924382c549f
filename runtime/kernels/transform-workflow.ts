/** Columns a fitted workflow reads -> the columns it makes, on the same rows: the steps that `merlon transform` runs offline. */
import { dirname } from "node:path";
import { checkFitted } from "../../triton-protos/artefacts/manifest.js";
import { FILE_LIMITS, readRegular } from "../../triton-protos/files/read-regular.js";
import { PlanError, parsePlan } from "../../triton-protos/plan.js";
import { RuntimeFault } from "../errors.js";
import { readGolden } from "../golden/golden-rows.js";
import { replay, sayDifference } from "../golden/replay.js";
import type { ExecutablePlan } from "../plan/execute.js";
import type { Kernel, PrepareContext } from "../plan/kernel.js";
import type { Column } from "../plan/table.js";
import { artefactFile } from "./artefact-file.js";

export const transformWorkflow: Kernel<"transformWorkflow"> = {
  prepare: async (step, context) => {
    const file = artefactFile(context.folder, step.artefacts!.workflow!);
    const plan = await readPlan(file);
    // Workflows are plans, so the executor is a dependency both ways; it is loaded here, when a workflow is.
    const { preparePlan } = await import("../plan/execute.js");
    const executable = await preparePlan(plan, { ...context, folder: dirname(file) });
    await replayGolden(executable, dirname(file), context.onGoldenDifference);
    const refs = step.inputs.input!;
    const reads = plan.inputs.map(({ name }) => refs.findIndex(ref => ref.name === name));
    const answers = step.outputs.map(({ name }) => plan.outputs.findIndex(({ schema }) => schema.name === name));
    const pick = (columns: readonly Column[]) => answers.map(i => columns[i]!);
    return {
      mixesRows: !executable.keepsRowsApart,
      run: (inputs, runContext) => {
        const columns = inputs.input!;
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

/** @throws RuntimeFault where golden rows come out otherwise and nobody takes it as a warning */
async function replayGolden(
  executable: ExecutablePlan,
  folder: string,
  onDifference: PrepareContext["onGoldenDifference"],
): Promise<void> {
  const golden = onDifference === "skip" ? undefined : readGolden(folder);
  const difference = golden && (await replay(executable, golden));
  if (!difference) return;
  const message = `golden rows of ${folder} come out otherwise than when it was fitted: ${sayDifference(difference)}. Fit it again with this Merlon, or serve with \`--verify-workflows off\`.`;
  if (typeof onDifference !== "function") throw new RuntimeFault("INVALID_ARGUMENT", message);
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
    throw new RuntimeFault("INVALID_ARGUMENT", (error as Error).message, { cause: error });
  }
}
