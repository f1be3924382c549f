/** Numeric columns → the same columns with values below `min` raised to it and values above `max` lowered to it. */

import type { OpParams } from "../../contract/op-params.js";
import type { BlockLoop, BlockLoopOf } from "../../runtime/base/columns/block-loop.js";
import type { Column, Values } from "../../runtime/base/columns/table.js";
import { words } from "../../runtime/base/columns/words.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { type DType, datatype } from "../../triton-protos/datatype.js";
import { floatValues } from "../shared/kernel/float-values.js";
import { withValues } from "../shared/kernel/with-values.js";
import { type ClipBounds, floatBounds, integerBounds } from "./kernel-bounds.js";

export const clip: Kernel<"clip"> = {
  prepare: step => ({
    run: inputs => inputs.input.map(col => clipColumn(col, step.params, `step \`${step.id}\` (clip)`)),
  }),
};

function clipColumn(col: Column, params: OpParams["clip"], what: string): Column {
  const { dtype, values } = col;
  if (values instanceof BigInt64Array || values instanceof BigUint64Array) {
    const clipped = values.slice();
    clampWords(words(clipped), integerBounds(params, dtype), values instanceof BigInt64Array);
    return withValues(col, dtype, clipped, col.validity);
  }
  const floats = floatValues(col, what);
  const { array, kind } = datatype(dtype);
  const bounds = boundsOf(params, dtype);
  clamp(bounds)(floats, floats, floats.length);
  // Null floats are NaN by now; null integers turn into 0 here and stay null through `validity`.
  const clipped: Values =
    kind === "float" && array === Float64Array ? floats : new (array as Float32ArrayConstructor)(floats);
  return withValues(col, dtype, clipped, kind === "float" ? undefined : col.validity);
}

const numbers = ({ min, max }: ClipBounds<bigint>): ClipBounds<number> => ({
  min: min === undefined ? undefined : Number(min),
  max: max === undefined ? undefined : Number(max),
});

const boundsOf = (params: OpParams["clip"], dtype: DType): ClipBounds<number> =>
  datatype(dtype).kind === "float" ? floatBounds(params, dtype) : numbers(integerBounds(params, dtype));

/** `min` first, then `max`, as NVTabular orders them; NaN passes. */
function clamp({ min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY }: ClipBounds<number>): BlockLoop {
  return (from, to, count) => {
    for (let i = 0; i < count; i++) {
      const x = from[i]!;
      const raised = x < min ? min : x;
      to[i] = raised > max ? max : raised;
    }
  };
}

/** 64-bit integers are rounded to doubles before: a rounded number is between rounded bounds where the number itself is between them. */
export const clipLoop: BlockLoopOf<"clip"> = (step, _, dtype) => clamp(boundsOf(step.params, dtype));

/** The same on 64-bit integers as pairs of words: the high words decide, equal ones leave it to the low words. */
function clampWords(pairs: Int32Array, { min, max }: ClipBounds<bigint>, signed: boolean): void {
  // Flipping the top bit makes a signed comparison order unsigned words.
  const flip = signed ? 0 : 0x80000000 | 0;
  const raise = (bound: bigint, direction: 1 | -1) => {
    const low = Number(BigInt.asIntN(32, bound));
    const high = Number(BigInt.asIntN(32, bound >> 32n));
    const lowKey = low ^ 0x80000000;
    const highKey = high ^ flip;
    for (let i = 0; i < pairs.length; i += 2) {
      const h = pairs[i + 1]! ^ flip;
      const l = pairs[i]! ^ 0x80000000;
      const order = h !== highKey ? (h < highKey ? -1 : 1) : l < lowKey ? -1 : l > lowKey ? 1 : 0;
      if (order === -direction) {
        pairs[i] = low;
        pairs[i + 1] = high;
      }
    }
  };
  if (min !== undefined) raise(min, 1);
  if (max !== undefined) raise(max, -1);
}
