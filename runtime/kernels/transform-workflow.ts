/** Columns a fitted workflow reads -> the columns it makes, on the same rows: the steps that `merlon transform` runs offline. */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { checkManifest } from "../../triton-protos/artefacts/manifest.js";
import { PlanError, parsePlan } from "../../triton-protos/plan.js";
import { RuntimeFault } from "../errors.js";
import { readGolden } from "../golden/golden-rows.js";
import { replay, sayDifference } from "../golden/replay.js";
import type { ExecutablePlan, PlanResult } from "../plan/execute.js";
import type { Kernel, PrepareContext } from "../plan/kernel.js";
import type { Column } from "../plan/table.js";

export const transformWorkflow: Kernel<"transformWorkflow"> = {
  prepare: async (step, context) => {
    const file = join(context.folder, step.artefacts!.workflow!);
    const plan = await readPlan(file);
    // Workflows are plans, so the executor is a dependency both ways; it is loaded here, when a workflow is.
    const { preparePlan } = await import("../plan/execute.js");
    const executable = await preparePlan(plan, { ...context, folder: dirname(file) });
    await replayGolden(executable, dirname(file), context.onGoldenDifference);
    const refs = step.inputs.input!;
    const names = step.outputs.map(col => col.name);
    return {
      mixesRows: !executable.keepsRowsApart,
      run: (inputs, runContext) => {
        const columns = new Map<string, Column>(inputs.input!.map((col, i) => [refs[i]!.name, col]));
        const made = ({ columns }: PlanResult) => names.map(name => columns.get(name)!);
        const result = executable.run(columns, runContext);
        return result instanceof Promise ? result.then(made) : made(result);
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
    const plan = parsePlan(await readFile(file, "utf8"), file);
    if (plan.kind === "workflow") {
      checkManifest(dirname(file), plan);
      return plan;
    }
    throw new PlanError(`${file} is an ${plan.kind}, not a workflow.`);
  } catch (error) {
    throw new RuntimeFault("INVALID_ARGUMENT", (error as Error).message, { cause: error });
  }
}
