/**
 * Runs each model of a program on generated rows: one by one, together, and in the opposite order. A row's outputs must not depend on its
 * neighbors, since the rows of several requests run together. `merlon-lab` compares its exports by the same measure.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Compiled, type Diagnostic, mixedRows, type RowFault } from "../compiler/index.js";
import { columnsReadBy, fittedStep } from "../contract/any-step.js";
import { TemporaryFolder } from "../contract/files/temporary-folder.js";
import { type AnyStep, type Plan, REQUEST_STEP } from "../contract/plan.js";
import type { ColumnSchema } from "../contract/schema.js";
import { prepareKernel } from "../operators/kernels.js";
import type { Column } from "../runtime/base/columns/table.js";
import { packageFault } from "../runtime/base/missing-package.js";
import type { PreparedKernel } from "../runtime/engine/schedule/kernel.js";
import { generateColumn, ROWS, someRows } from "./generated-rows.js";

/** Largest difference, relative to the largest value of the output; smaller values count as this one. */
const TOLERANCE = 1e-5;
const SMALLEST = 1e-3;

export interface RowsChecked {
  readonly diagnostics: readonly Diagnostic[];
  /** Models that were not compared, in sentences. */
  readonly notes: readonly string[];
}

export async function checkRows(compiled: Compiled): Promise<RowsChecked> {
  const models = new Map(compiled.steps.flatMap(({ model }) => (model ? [[model.name, model] as const] : [])));
  if (models.size === 0) return { diagnostics: [], notes: [] };
  const folder = new TemporaryFolder("rows");
  const fileOf = (name: string): string => {
    const { from, bytes } = models.get(name)!;
    if (!bytes) return from;
    const file = join(folder.path, `${name}.onnx`);
    writeFileSync(file, bytes);
    return file;
  };
  const faults: RowFault[] = [];
  const notes: string[] = [];
  try {
    const { modelsIn } = await import("../runtime/evaluation/replay-models.js");
    const caller = modelsIn(fileOf);
    const modelOf = (step: AnyStep) => ("model" in step.params ? models.get(step.params.model) : undefined);
    try {
      for (const step of compiled.plan.steps) {
        if (!modelOf(step)) continue;
        const found = await faultOf(
          step,
          compiled,
          await prepareKernel(fittedStep(step), { folder: folder.path, models: caller }),
        );
        if (typeof found === "string") notes.push(`${step.label}: not run row by row: ${found}`);
        else if (found) faults.push(found);
      }
    } finally {
      await caller.close();
    }
  } catch (error) {
    const reason = packageFault(error);
    if (reason === undefined) throw error;
    notes.push(`Models were not run row by row: ${reason}.`);
  } finally {
    folder.disposeSync();
  }
  return { diagnostics: mixedRows(compiled, faults), notes };
}

/** Undefined if no row depends on another one; a reason if that is unknown. */
async function faultOf(
  step: AnyStep,
  { plan }: Compiled,
  kernel: PreparedKernel,
): Promise<RowFault | string | undefined> {
  try {
    if (kernel.mixesRows) return undefined;
    const schemas = columnsReadBy(step).map(({ step: id, column }) => schemaAt(plan, id, column));
    const columns = schemas.map(generateColumn);
    const run = async (places: readonly number[]) =>
      kernel.run({ input: someRows(columns, places) }, { seed: 0n, parameters: new Map() });
    const alone = new Map<number, readonly Column[]>();
    let refused: unknown;
    for (let row = 0; row < ROWS; row++)
      await run([row]).then(
        made => alone.set(row, made),
        error => {
          // Generated ids may be none of the model's: such a request fails alone, too.
          refused = error;
        },
      );
    const rows = [...alone.keys()];
    if (rows.length < 2) return `generated rows are not rows of it (${firstLine(refused)})`;
    for (const [how, places] of [
      ["together", rows],
      ["in another order", [...rows].reverse()],
    ] as const) {
      const made = await run(places);
      for (const [at, row] of places.entries())
        for (const [i, { name }] of step.outputs.entries()) {
          const scale = Math.max(SMALLEST, ...rows.map(one => largest(alone.get(one)![i]!)));
          const found = differenceAt(valuesOf(alone.get(row)![i]!, 0), valuesOf(made[i]!, at), scale);
          if (found) return { step: step.id, path: pathOf(step), output: name, rows: rows.length, row, how, ...found };
        }
    }
    return undefined;
  } catch (error) {
    return firstLine(error);
  } finally {
    await kernel.close?.();
  }
}

const firstLine = (error: unknown): string => String((error as Error | undefined)?.message).split("\n")[0]!;

const pathOf = ({ params, label }: AnyStep): string => ("path" in params ? params.path : label);

function schemaAt({ steps, inputs }: Plan, id: string, name: string): ColumnSchema {
  const columns = id === REQUEST_STEP ? inputs : steps.find(step => step.id === id)!.outputs;
  return columns.find(column => column.name === name)!;
}

/** The numbers of a row; a model's outputs have one width. */
function valuesOf({ values, width = 1, rows }: Column, row: number): readonly unknown[] {
  const size = rows.count === 0 ? 0 : width;
  return Array.from({ length: size }, (_, i) => values[row * size + i]);
}

const largest = (column: Column): number =>
  Math.max(
    0,
    ...valuesOf(column, 0)
      .map(value => Math.abs(Number(value)))
      .filter(Number.isFinite),
  );

/** The first value that differs by more than the tolerance. */
function differenceAt(
  alone: readonly unknown[],
  others: readonly unknown[],
  scale: number,
): Pick<RowFault, "alone" | "other" | "difference"> | undefined {
  for (const [i, one] of alone.entries()) {
    const other = others[i];
    if (Object.is(one, other)) continue;
    const difference = Math.abs(Number(one) - Number(other)) / scale;
    if (!(difference <= TOLERANCE)) return { alone: String(one), other: String(other), difference };
  }
  return undefined;
}
