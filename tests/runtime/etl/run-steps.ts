/** A plan and plain values → plain values: its steps one after the other, each by its kernel. */
import type { AnyStep, Plan } from "#contract/plan.js";
import { type Column, rootRows } from "#runtime/base/columns/table.js";
import type { PreparedKernel, RunContext } from "#runtime/engine/schedule/kernel.js";
import { type Cell, type Cells, fromColumn, toColumn } from "./table-values.js";

const CONTEXT: RunContext = { seed: 0n, parameters: new Map() };

/** @throws Error for a column whose dtype is not the one its step declares */
export async function runSteps(
  plan: Plan,
  cells: Cells,
  prepare: (step: AnyStep) => PreparedKernel | Promise<PreparedKernel>,
): Promise<Record<string, Cell[]>> {
  const rows = rootRows(Object.values(cells)[0]!.length);
  const columns = new Map<string, Column>(
    plan.inputs.map(col => [`request\n${col.name}`, toColumn(col, cells[col.name]!, rows)]),
  );
  for (const step of plan.steps) {
    const prepared = await prepare(step);
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
