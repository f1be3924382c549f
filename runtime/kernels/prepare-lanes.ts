/** A step that makes one float or 32-bit integer column of each of its inputs, and the lane of its operator → its kernel. */
import { datatype } from "../../triton-protos/datatype.js";
import type { OpKind } from "../../triton-protos/op-params.js";
import type { Step } from "../../triton-protos/plan.js";
import type { PreparedKernel } from "../plan/kernel.js";
import type { LaneOf } from "../plan/lane.js";
import { shortArray } from "../plan/short-arrays.js";
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
