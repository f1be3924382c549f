/**
 * Operators that look keys up in a fitted table, in SQL: one function an output, which runs the operator's own kernel on each chunk.
 */

import type { ColumnRef, FittedStep } from "../../../contract/plan.js";
import { ROW_PORT, readsRowNumber } from "../../../contract/step-facts.js";
import { prepareKernel } from "../../../operators/kernels.js";
import type { DType } from "../../../triton-protos/datatype.js";
import type { Column } from "../../base/columns/table.js";
import { internal } from "../../base/errors.js";
import { registerColumnFunction } from "../column-function.js";
import type { Database } from "../database.js";
import type { SqlColumn } from "./sql-column.js";
import type { SqlContext } from "./sql-form.js";

const refuse = () => Promise.reject(internal("a workflow calls no model."));

/** The SQL form of these operators: joins with the kernel's results for every known key, else the kernel as a function. */
export const throughKernel = (
  step: FittedStep,
  inputs: readonly SqlColumn[],
  context: SqlContext,
): readonly string[] => {
  const refs = step.inputs.input;
  const keysOf = (names: readonly string[]) => names.map(name => inputs[refs.findIndex(ref => ref.name === name)]!);
  const args = inputs.map(col => col.sql);
  const numbered = readsRowNumber(step);
  if (numbered) args.push(`(row_number() OVER (ORDER BY ${context.order.join(", ")}) - 1)`);
  return (
    (numbered ? undefined : context.groups(step.id, keysOf)) ??
    step.outputs.map((_, i) => `${nameOf(step.id, i)}(${args.join(", ")})`)
  );
};

/** Makes the functions of a step known that run its kernel. `dtypeOf` has the columns that exist. */
export async function registerKernel(
  { connection }: Database,
  step: FittedStep,
  dtypeOf: (ref: ColumnRef) => DType,
  folder: string,
): Promise<void> {
  const numbered = readsRowNumber(step);
  const dtypes = [...step.inputs.input.map(dtypeOf), ...(numbered ? ["int64" as const] : [])];
  const kernel = await prepareKernel(step, { folder, models: { describe: refuse, infer: refuse } });
  for (const [i, { dtype }] of step.outputs.entries())
    registerColumnFunction(connection, {
      name: nameOf(step.id, i),
      inputs: dtypes,
      output: dtype,
      run(columns) {
        const given = numbered ? { input: columns.slice(0, -1), [ROW_PORT]: columns.slice(-1) } : { input: columns };
        return (kernel.run(given, { seed: 0n, parameters: new Map() }) as readonly Column[])[i]!;
      },
    });
}

const nameOf = (stepId: string, output: number): string =>
  `merlon_kernel_${Buffer.from(stepId).toString("hex")}_${output}`;
