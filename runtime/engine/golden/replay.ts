/**
 * Rows and their expected results → the first difference of a workflow's kernels: column, row, and the operator that makes the column.
 */

import type { Plan } from "../../../contract/plan.js";
import { datatype } from "../../../triton-protos/datatype.js";
import { type Column, rootRows } from "../../base/columns/table.js";
import type { ExecutablePlan } from "../schedule/plan-result.js";
import { type Cell, type CellValue, cellsOf, columnOf } from "./cells.js";
import type { GoldenRows } from "./golden-rows.js";

export interface Difference {
  readonly column: string;
  /** From 0; undefined where even the number of rows differs. */
  readonly row: number | undefined;
  readonly step: string;
  readonly op: string;
  readonly expected: string;
  readonly found: string;
}

/** Columns that the plan does not make (a part of a workflow) are left out. */
export async function replay(executable: ExecutablePlan, golden: GoldenRows): Promise<Difference | undefined> {
  const { plan } = executable;
  const rows = rootRows(golden.rows);
  const nulls: readonly Cell[] = new Array<null>(golden.rows).fill(null);
  const inputs = new Map<string, Column>(
    plan.inputs.map(col => [col.name, columnOf(col, golden.inputs[col.name] ?? nulls, rows)]),
  );
  const { columns } = await executable.run(inputs, { seed: 0n, parameters: new Map() });
  for (const { schema } of plan.outputs) {
    const expected = golden.outputs[schema.name];
    const found = columns.get(schema.name)!;
    const difference = expected && firstDifference(plan, schema.name, expected, cellsOf(found), toleranceOf(found));
    if (difference) return difference;
  }
  return undefined;
}

function firstDifference(
  plan: Plan,
  column: string,
  expected: readonly Cell[],
  found: readonly Cell[],
  tolerance: number,
): Difference | undefined {
  const { step } = plan.outputs.find(output => output.schema.name === column)!.ref;
  const op = plan.steps.find(one => one.id === step)?.op ?? "source";
  if (expected.length !== found.length)
    return { column, row: undefined, step, op, expected: `${expected.length} rows`, found: `${found.length} rows` };
  const row = expected.findIndex((cell, i) => !isSame(cell, found[i]!, tolerance));
  if (row < 0) return undefined;
  return { column, row, step, op, expected: JSON.stringify(expected[row]), found: JSON.stringify(found[row]) };
}

/** SQL and kernels take their logarithms and quotients from different libraries, so that last bits may differ. */
function toleranceOf({ dtype }: Column): number {
  const { kind, bytes } = datatype(dtype);
  return kind !== "float" ? 0 : bytes === 8 ? 1e-12 : 2e-7;
}

function isSame(a: Cell, b: Cell, tolerance: number): boolean {
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item: CellValue, i) => isSame(item, b[i] as CellValue, tolerance));
  if (typeof a === "number" && typeof b === "number")
    return Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(a), Math.abs(b));
  return a === b;
}

/** `column \`price\`, row 3, is 0.5, but step \`normalize_2\` (normalize) made 0.25 when it was fitted` */
export const sayDifference = ({ column, row, step, op, expected, found }: Difference): string =>
  `column \`${column}\`${row === undefined ? "" : `, row ${row},`} of step \`${step}\` (${op}) is ${found}, where ${expected} is expected`;
