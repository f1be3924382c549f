/** Columns a fitted workflow reads -> the columns it makes, on the same rows: the steps that `merlon transform` runs offline. */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PlanError, parsePlan } from "../../triton-protos/plan.js";
import { RuntimeFault } from "../errors.js";
import type { Kernel } from "../plan/kernel.js";
import type { Column } from "../plan/table.js";

export const transformWorkflow: Kernel<"transformWorkflow"> = {
  prepare: async (step, context) => {
    const file = join(context.folder, step.artefacts!.workflow!);
    const plan = await readPlan(file);
    // Workflows are plans, so the executor is a dependency both ways; it is loaded here, when a workflow is.
    const { preparePlan } = await import("../plan/execute.js");
    const executable = await preparePlan(plan, { ...context, folder: dirname(file) });
    const refs = step.inputs.input!;
    const names = step.outputs.map(col => col.name);
    return {
      run: async (inputs, runContext) => {
        const columns = new Map<string, Column>(inputs.input!.map((col, i) => [refs[i]!.name, col]));
        const result = await executable.run(columns, runContext);
        return names.map(name => result.columns.get(name)!);
      },
      close: () => executable.close(),
    };
  },
};

async function readPlan(file: string) {
  try {
    const plan = parsePlan(await readFile(file, "utf8"), file);
    if (plan.kind === "workflow") return plan;
    throw new PlanError(`${file} is an ${plan.kind}, not a workflow.`);
  } catch (error) {
    throw new RuntimeFault("INVALID_ARGUMENT", (error as Error).message, { cause: error });
  }
}
