/**
 * Columns → the same columns with nulls (and float NaN) replaced by `fillValue`, and, on request, bool columns `{column}_filled`
 * that say which values were null.
 */

import type { Step } from "../../contract/plan.js";
import type { BlockLoop, BlockLoopOf } from "../../runtime/base/columns/block-loop.js";
import { nullFlags } from "../../runtime/base/columns/null-flags.js";
import type { Column, Values } from "../../runtime/base/columns/table.js";
import { internal } from "../../runtime/base/errors.js";
import type { Kernel, PreparedKernel } from "../../runtime/engine/schedule/kernel.js";
import type { DType } from "../../triton-protos/datatype.js";
import { type FillValue, fillFor } from "../shared/kernel/fill-value.js";
import { withValues } from "../shared/kernel/with-values.js";

const fillOf = (step: Step<"fillMissing">, name: string, dtype: DType): FillValue =>
  fillFor(dtype, step.params.fillValue, `step \`${step.id}\` (fillMissing), column \`${name}\`,`);

export const fillMissing: Kernel<"fillMissing"> = {
  prepare: step => prepareFill(step, (name, dtype) => fillOf(step, name, dtype)),
};

export const fillMissingLoop: BlockLoopOf<"fillMissing"> = (step, column, dtype) =>
  fillLoop(fillOf(step, column, dtype), dtype);

export function fillLoop(fill: FillValue, dtype: DType): BlockLoop {
  const value = dtype === "float32" ? Math.fround(Number(fill)) : Number(fill);
  return (from, to, count) => {
    for (let i = 0; i < count; i++) {
      const x = from[i]!;
      to[i] = Number.isNaN(x) ? value : x;
    }
  };
}

/** The columns that `addBinaryColumns` adds. */
export const nullLoop: BlockLoop = (from, to, count) => {
  for (let i = 0; i < count; i++) to[i] = Number.isNaN(from[i]) ? 1 : 0;
};

/** `fillOf` has the value to fill a column with. */
export function prepareFill(
  step: Step<"fillMissing"> | Step<"fillMedian">,
  fillOf: (name: string, dtype: DType) => FillValue,
): PreparedKernel<{ readonly input: readonly Column[] }> {
  const refs = step.inputs.input;
  // By name, so that the plan may order flags and columns in any way.
  const outputs = step.outputs.map(({ name, dtype }) => {
    const direct = refs.findIndex(ref => ref.name === name);
    if (direct >= 0) return { at: direct, fill: fillOf(name, dtype) };
    const flagged = refs.findIndex(ref => `${ref.name}_filled` === name);
    if (flagged < 0)
      throw internal(`step \`${step.id}\` (${step.op}) has an output \`${name}\` that is not from any of its inputs.`);
    return { at: flagged, fill: undefined };
  });
  return {
    run: inputs =>
      outputs.map(({ at, fill }) => {
        const col = inputs.input[at]!;
        return fill === undefined ? withValues(col, "bool", nullFlags(col)) : fillColumn(col, fill);
      }),
  };
}

function fillColumn(col: Column, fill: FillValue): Column {
  const { values, validity } = col;
  const isFloat = values instanceof Float32Array || values instanceof Float64Array;
  if (!validity && !isFloat) return col;
  const filled = values.slice() as Values;
  if (isFloat) fillNaN(filled as Float32Array, fill as number);
  if (validity) {
    const target = filled as { [k: number]: FillValue };
    for (let i = 0; i < validity.length; i++) if (validity[i] === 0) target[i] = fill;
  }
  return withValues(col, col.dtype, filled);
}

function fillNaN(floats: Float32Array | Float64Array, fill: number): void {
  for (let i = 0; i < floats.length; i++) if (Number.isNaN(floats[i])) floats[i] = fill;
}
