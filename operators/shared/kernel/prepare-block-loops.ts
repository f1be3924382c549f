/** A step that makes one float or 32-bit integer column of each of its inputs, and the loop of its operator → its kernel. */

import { zip } from "../../../contract/lists.js";
import type { OpKind } from "../../../contract/op-params.js";
import type { ColumnRef, Fitted } from "../../../contract/plan.js";
import type { ColumnSchema } from "../../../contract/schema.js";
import type { BlockLoopOf } from "../../../runtime/base/columns/block-loop.js";
import { shortArray } from "../../../runtime/base/columns/short-arrays.js";
import type { Column } from "../../../runtime/base/columns/table.js";
import type { PreparedKernel } from "../../../runtime/engine/schedule/kernel.js";
import { datatype } from "../../../triton-protos/datatype.js";
import { floatValues } from "./float-values.js";
import { withValues } from "./with-values.js";

/** The properties of a step of any such operator. */
interface ColumnByColumn {
  readonly inputs: { readonly input: readonly ColumnRef[] };
  readonly outputs: readonly ColumnSchema[];
}

export function prepareBlockLoops<K extends OpKind>(
  step: Fitted<K> & ColumnByColumn,
  loopOf: BlockLoopOf<K>,
): PreparedKernel<{ readonly input: readonly Column[] }> {
  const loops = zip(step.inputs.input, step.outputs).map(([{ name }, { dtype }]) => ({
    dtype,
    loop: loopOf(step, name, dtype),
  }));
  return {
    run: inputs =>
      loops.map(({ dtype, loop }, i) => {
        const col = inputs.input[i]!;
        const numbers = floatValues(col, `step \`${step.id}\` (${step.op})`);
        loop(numbers, numbers, numbers.length);
        if (datatype(dtype).array === Float64Array) return withValues(col, dtype, numbers);
        const values = shortArray(dtype, numbers.length);
        (values as Float32Array).set(numbers);
        return withValues(col, dtype, values);
      }),
  };
}
