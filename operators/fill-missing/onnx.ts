/** Columns → the same without nulls, and bool columns that say where there were some. */

import { expand, scalar, shape, where } from "../../compiler/onnx/elementary.js";
import type { GraphBuilder } from "../../compiler/onnx/graph-builder.js";
import type { Step } from "../../contract/plan.js";
import { type DType, datatype } from "../../triton-protos/datatype.js";
import { graphDtype, type LoweredColumn, nulls, withValues } from "../shared/onnx/lowered-column.js";
import type { LoweredInputs, Lowering } from "../shared/onnx/lowering.js";

export type FillValue = number | bigint | string;

export const fillMissing: Lowering<"fillMissing"> = (step, inputs, { g }) =>
  fillColumns(g, step, inputs, (_, dtype) => fillFor(dtype, step.params.fillValue));

/** A literal of the plan in a dtype. */
export const fillFor = (dtype: DType, value: number | string | boolean): FillValue =>
  typeof value === "string" ? value : datatype(dtype).kind === "float" ? Number(value) : BigInt(Number(value));

export function fillColumns(
  g: GraphBuilder,
  step: Step<"fillMissing"> | Step<"fillMedian">,
  { input }: LoweredInputs,
  fillOf: (name: string, dtype: DType) => FillValue,
): LoweredColumn[] {
  const refs = step.inputs.input;
  return step.outputs.map(({ name }) => {
    const direct = refs.findIndex(ref => ref.name === name);
    if (direct >= 0) return filled(g, input[direct]!, fillOf(name, input[direct]!.dtype));
    const col = input[refs.findIndex(ref => `${ref.name}_filled` === name)]!;
    return withValues(col, "bool", nulls(g, col) ?? expand(g, scalar(g, "bool", false), shape(g, col.values)));
  });
}

/** @param fill of the column's dtype */
export function filled(g: GraphBuilder, col: LoweredColumn, fill: FillValue): LoweredColumn {
  const missing = nulls(g, col);
  if (!missing) return col;
  const kind = graphDtype(col.dtype);
  const value = scalar(
    g,
    kind,
    kind === "int64" ? BigInt.asIntN(64, BigInt(fill)) : kind === "bool" ? Number(fill) : fill,
  );
  const domain = col.domain && new Set([...col.domain, fill as string]);
  return { ...withValues(col, col.dtype, where(g, missing, value, col.values)), ...(domain && { domain }) };
}
