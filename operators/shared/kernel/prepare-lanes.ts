/** A step that makes one float or 32-bit integer column of each of its inputs, and the lane of its operator → its kernel. */

import type { OpKind } from "../../../contract/op-params.js";
import type { Step } from "../../../contract/plan.js";
import type { LaneOf } from "../../../runtime/base/columns/lane.js";
import { shortArray } from "../../../runtime/base/columns/short-arrays.js";
import type { PreparedKernel } from "../../../runtime/engine/schedule/kernel.js";
import { datatype } from "../../../triton-protos/datatype.js";
import { floatValues } from "./float-values.js";
import { like } from "./like.js";

export function prepareLanes<K extends OpKind>(step: Step<K>, laneOf: LaneOf<K>): PreparedKernel {
  const lanes = (step.inputs.input ?? []).map(({ name }, i) => {
    const { dtype } = step.outputs[i]!;
    return { dtype, lane: laneOf(step, name, dtype) };
  });
  return {
    run: inputs =>
      lanes.map(({ dtype, lane }, i) => {
        const col = inputs.input![i]!;
        const numbers = floatValues(col, `step \`${step.id}\` (${step.op})`);
        lane(numbers, numbers, numbers.length);
        if (datatype(dtype).array === Float64Array) return like(col, dtype, numbers);
        const values = shortArray(dtype, numbers.length);
        (values as Float32Array).set(numbers);
        return like(col, dtype, values);
      }),
  };
}
