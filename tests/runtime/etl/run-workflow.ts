/**
 * A fitted plan and plain values → plain values, once through the kernels (as a server runs them) and once through `transformWorkflow`.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fittedStep } from "#contract/any-step.js";
import type { Plan } from "#contract/plan.js";
import { prepareKernel } from "#operators/kernels.js";
import { fitWorkflow } from "#runtime/etl/fit.js";
import { writeFittedWorkflow } from "#runtime/etl/fitted-folder.js";
import { transformWorkflow } from "#runtime/etl/transform.js";
import { runSteps } from "./run-steps.js";
import { type Cell, type Cells, readParquet, writeParquet } from "./table-values.js";
import { fittedPlan, withStates } from "./workflow-plan.js";

const MODELS = {
  describe: () => Promise.reject(new Error("a workflow calls no model")),
  infer: () => Promise.reject(new Error("a workflow calls no model")),
};

/** A folder that is removed when the work in it is done. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "merlon-test-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Fits on values; the workflow's folder is `folder/fitted`. */
export async function fitCells(folder: string, plan: Plan, cells: Cells): Promise<Plan> {
  const data = join(folder, "fit.parquet");
  await writeParquet(data, plan.inputs, cells);
  return writeFittedWorkflow(join(folder, "fitted"), async staging =>
    fittedPlan(
      plan,
      (await fitWorkflow(plan, data, { folder: staging, base: folder, refine: states => withStates(plan, states) }))
        .states,
    ),
  );
}

export const throughKernels = (folder: string, plan: Plan, cells: Cells): Promise<Record<string, Cell[]>> =>
  runSteps(plan, cells, step => prepareKernel(fittedStep(step), { folder: join(folder, "fitted"), models: MODELS }));

export async function throughSql(
  folder: string,
  plan: Plan,
  cells: Cells,
): Promise<Awaited<ReturnType<typeof readParquet>>> {
  const data = join(folder, "request.parquet");
  const out = join(folder, "transformed.parquet");
  await writeParquet(data, plan.inputs, cells);
  await transformWorkflow(join(folder, "fitted"), data, out);
  return readParquet(out);
}
