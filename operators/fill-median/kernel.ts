/**
 * Numeric columns → the same columns with nulls (and float NaN) replaced by their fitted median. On request there are also bool columns
 * `{column}_filled` that mark the null values.
 */

import { learntOf } from "../../contract/learnt-columns.js";
import type { Fitted } from "../../contract/plan.js";
import type { BlockLoopOf } from "../../runtime/base/columns/block-loop.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { type DType, datatype } from "../../triton-protos/datatype.js";
import { fillLoop, prepareFill } from "../fill-missing/kernel.js";
import type { FillValue } from "../shared/kernel/fill-value.js";

export const fillMedian: Kernel<"fillMedian"> = {
  prepare: step => prepareFill(step, (name, dtype) => medianOf(step, name, dtype)),
};

export const fillMedianLoop: BlockLoopOf<"fillMedian"> = (step, column, dtype) =>
  fillLoop(medianOf(step, column, dtype), dtype);

/** A fitted `fillMedian` step, a column and its dtype → the median in that dtype. Kernel and SQL form share it. */
export function medianOf(step: Fitted<"fillMedian">, name: string, dtype: DType): FillValue {
  const { median } = learntOf(step, name);
  const { kind, bytes } = datatype(dtype);
  return kind !== "float" && bytes === 8 ? BigInt(median) : Number(median);
}
