/** Candidates and a flag for each → the same columns with only the flagged ones taken. */

import type { Value } from "../../../compiler/onnx/graph-builder.js";
import type { AnyStep } from "../../../contract/plan.js";
import { type LoweredColumn, narrowRows } from "./lowered-column.js";
import { KEEP, type LowerContext } from "./lowering.js";

/** @param keep bool[n] */
export function keepWhere(
  step: AnyStep,
  columns: readonly LoweredColumn[],
  keep: Value,
  context: LowerContext,
): LoweredColumn[] {
  const { rows } = columns[0]!;
  if (!rows.parent)
    context.fail(
      "it takes rows of the request away, and every row of a Triton request has an answer",
      `Apply it to candidates, or ${KEEP}.`,
    );
  const kept = narrowRows(context.g, step.id, rows, keep);
  return columns.map(col => ({ ...col, rows: kept }));
}
