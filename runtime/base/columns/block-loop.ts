/**
 * Numbers a block at a time: how element-wise kernels work on doubles, alone over a whole column and, fused, over blocks that stay in cache.
 */

import type { OpKind } from "../../../contract/op-params.js";
import type { Fitted } from "../../../contract/plan.js";
import { type DType, datatype } from "../../../triton-protos/datatype.js";

/**
 * `to[i]` from `from[i]`, for each i below `count`; both may be the same array. Null is NaN, bools are 0 and 1. Its output fits a column of
 * the output's dtype: float32 rounded, integers whole.
 */
export type BlockLoop = (from: Float64Array, to: Float64Array, count: number) => void;

/**
 * Makes the loop of one output of a step from one of its inputs.
 * @param column name of the input in the step
 * @param dtype of the output
 * @throws RuntimeFault naming the step
 */
export type BlockLoopOf<K extends OpKind> = (step: Fitted<K>, column: string, dtype: DType) => BlockLoop;

/** Rounds as storing in a column of a float dtype does. */
export function roundTo(dtype: DType, numbers: Float64Array, count: number): void {
  if (datatype(dtype).array !== Float32Array) return;
  for (let i = 0; i < count; i++) numbers[i] = Math.fround(numbers[i]!);
}
