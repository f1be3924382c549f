/**
 * A program and its lowering for a stock Triton → whether both return the same for useful test rows. Random draws are replaced by the order
 * of scores. An index that the graph searches exactly is searched exactly on both sides. The build reports these differences.
 */

import { join } from "node:path";
import { lowered, type Program } from "../compiler/5-emit/build.js";
import { type BuildOptions, build, LoweringFault, NotLoweredError, type TritonOptions } from "../compiler/index.js";
import { expandFused } from "../contract/expand-fused.js";
import { TemporaryFolder } from "../contract/files/temporary-folder.js";
import type { AnyStep, Plan } from "../contract/plan.js";
import { readsClock, withoutChance } from "../contract/step-facts.js";
import { withFeatureInputs } from "../operators/query-feast/onnx.js";
import type { WholeSearch } from "../operators/shared/onnx/lowering.js";
import { packageFaultIn } from "../runtime/base/missing-package.js";
import type { RequestTensor } from "../runtime/server/contract.js";
import { compareTensors } from "../runtime/testing/recordings/compare-tensors.js";
import { type DiffTarget, type Outcome, openDiffTarget } from "../runtime/testing/recordings/diff-target.js";
import { type EdgeRow, edgeRows, rowTensors } from "./edge-rows.js";

const MEASURE = { kind: "tolerance", relative: 1e-5, absolute: 1e-6 } as const;

/**
 * @returns a sentence for the one who builds
 * @throws NotLoweredError with the first row that is answered otherwise
 */
export async function checkLowered(program: Program, options: BuildOptions, triton: TritonOptions): Promise<string> {
  if (triton.now !== undefined && program.plan.steps.some(readsClock))
    return "Not compared with the kernels: these go by the clock, and the snapshot by the date that was given.";
  const folder = new TemporaryFolder("check");
  const [executor, stock] = [join(folder.path, "executor"), join(folder.path, "stock")];
  const targets: DiffTarget[] = [];
  try {
    const { keys, whole } = lowered(program, options, triton);
    const sure = { ...program, plan: repeatable(program.plan, whole) };
    const inputs = triton.features === "inputs" ? withFeatureInputs(expandFused(sure.plan)) : sure.plan;
    build({ ...sure, plan: inputs }, executor, options);
    build(sure, stock, { ...options, triton });
    try {
      // One by one: where the second can't be opened, the first is closed, and the command ends.
      for (const repository of [executor, stock]) targets.push(await openDiffTarget(repository));
    } catch (error) {
      const { message } = error as Error;
      return `Not compared with the kernels: ${packageFaultIn(message) ?? message.split("\n")[0]}`;
    }
    const rows = edgeRows(inputs.inputs, keys);
    const seen = await firstDifference(inputs, rows, targets as [DiffTarget, DiffTarget]);
    if (seen)
      throw new NotLoweredError(program.plan.name, [
        new LoweringFault(
          `\`${program.plan.name}\` would answer otherwise. ${seen}`,
          "Keep the Merlon runtime (`--target merlon`), or build it all the same with `--no-check`.",
        ),
      ]);
    return `Compared with the kernels on ${rows.length} rows: the same answers.`;
  } finally {
    await Promise.all(targets.map(target => target.close()));
    folder.disposeSync();
  }
}

function repeatable(plan: Plan, whole: ReadonlyMap<string, WholeSearch>): Plan {
  const steps = plan.steps.map((step): AnyStep => {
    const settled = withoutChance(step);
    if (settled) return settled;
    const all = whole.get(step.id);
    return all ? ({ ...step, params: { ...step.params, ...all } } as AnyStep) : step;
  });
  return { ...plan, steps };
}

/** Each row by itself, since one that ends a request would hide the others, and then all that are answered together. */
async function firstDifference(
  plan: Plan,
  rows: readonly EdgeRow[],
  [executor, stock]: readonly [DiffTarget, DiffTarget],
): Promise<string | undefined> {
  const config = await executor.config(plan.name);
  const name = config ? plan.name : "executor_model";
  const batched = (config?.max_batch_size ?? 0) > 0;
  const most = batched ? config!.max_batch_size! : rows.length;
  const ask = (target: DiffTarget, inputs: readonly RequestTensor[]): Promise<Outcome> =>
    target.send({ model: name, version: "", id: "", parameters: new Map(), inputs, outputs: [], stream: false });
  const answered: EdgeRow[] = [];
  for (const row of rows) {
    const tensors = rowTensors(plan.inputs, [row], batched);
    const [kernels, graph] = [await ask(executor, tensors), await ask(stock, tensors)];
    const difference = differenceOf(kernels, graph);
    if (difference) return `For the row ${printRow(row)}: ${difference}`;
    if (!kernels.error) answered.push(row);
  }
  const together = answered.slice(0, most);
  if (together.length < 2) return undefined;
  const tensors = rowTensors(plan.inputs, together, batched);
  const difference = differenceOf(await ask(executor, tensors), await ask(stock, tensors));
  return difference && `For ${together.length} rows at once, from ${printRow(together[0]!)}: ${difference}`;
}

function differenceOf(kernels: Outcome, graph: Outcome): string | undefined {
  if (kernels.error && graph.error) return undefined;
  if (kernels.error) return `the kernels end the request (${kernels.error.message}), and the graph answers`;
  if (graph.error) return `the kernels answer, and the graph ends the request (${graph.error.message})`;
  const others = new Map(graph.answers[0]!.outputs.map(tensor => [tensor.name, tensor]));
  for (const tensor of kernels.answers[0]!.outputs) {
    const found = compareTensors(tensor, others.get(tensor.name)!, MEASURE);
    if (found) return `\`${tensor.name}\`, ${found.text}, by the kernels and by the graph`;
  }
  return undefined;
}

const printRow = (row: EdgeRow): string =>
  Object.entries(row)
    .map(
      ([name, values]) =>
        `${name} = ${values.length === 1 ? printed(values[0]!) : `[${values.map(printed).join(", ")}]`}`,
    )
    .join(", ");
const printed = (value: number | bigint | string): string =>
  typeof value === "string" ? JSON.stringify(value) : String(value);
