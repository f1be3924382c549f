/**
 * A fitted plan and plain values -> plain values, once through the kernels (as a server runs them) and once through `transformWorkflow`.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Plan } from "#contract/plan.js";
import { prepareKernel } from "#operators/kernels.js";
import { type Column, rootRows } from "#runtime/base/columns/table.js";
import type { RunContext } from "#runtime/engine/schedule/kernel.js";
import { fitWorkflow } from "#runtime/etl/fit.js";
import { writeFittedWorkflow } from "#runtime/etl/fitted-folder.js";
import { transformWorkflow } from "#runtime/etl/transform.js";
import { type Cell, type Cells, fromColumn, readParquet, toColumn, writeParquet } from "./table-values.js";
import { fittedPlan } from "./workflow-plan.js";

const CONTEXT: RunContext = { seed: 0n, parameters: new Map() };
const MODELS = {
  describe: () => Promise.reject(new Error("a workflow calls no model")),
  infer: () => Promise.reject(new Error("a workflow calls no model")),
};

/** A folder that goes when the work in it is done. */
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
      (await fitWorkflow(plan, data, { folder: staging, base: folder, refine: states => fittedPlan(plan, states) }))
        .states,
    ),
  );
}

export async function throughKernels(folder: string, plan: Plan, cells: Cells): Promise<Record<string, Cell[]>> {
  const rows = rootRows(Object.values(cells)[0]!.length);
  const columns = new Map<string, Column>(
    plan.inputs.map(col => [`request\n${col.name}`, toColumn(col, cells[col.name]!, rows)]),
  );
  for (const step of plan.steps) {
    const prepared = await prepareKernel(step, { folder: join(folder, "fitted"), models: MODELS });
    const inputs = Object.fromEntries(
      Object.entries(step.inputs).map(([port, refs]) => [
        port,
        refs.map(ref => columns.get(`${ref.step}\n${ref.column}`)!),
      ]),
    );
    const outputs = await prepared.run(inputs, CONTEXT);
    step.outputs.forEach((col, i) => {
      if (outputs[i]!.dtype !== col.dtype)
        throw new Error(`${step.op} made ${outputs[i]!.dtype} and declared ${col.dtype}`);
      columns.set(`${step.id}\n${col.name}`, outputs[i]!);
    });
  }
  return Object.fromEntries(
    plan.outputs.map(({ ref, schema }) => [schema.name, fromColumn(columns.get(`${ref.step}\n${ref.column}`)!)]),
  );
}

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
