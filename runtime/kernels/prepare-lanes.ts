/** A step that makes one float or 32-bit integer column of each of its inputs, and the lane of its operator → its kernel. */
import { datatype } from "../../triton-protos/datatype.js";
import type { OpKind } from "../../triton-protos/op-params.js";
import type { Step } from "../../triton-protos/plan.js";
import type { PreparedKernel } from "../plan/kernel.js";
import type { LaneOf } from "../plan/lane.js";
import type { Values } from "../plan/table.js";
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
        const { array } = datatype(dtype);
        const values = array === Float64Array ? numbers : new (array as Float32ArrayConstructor)(numbers);
        return like(col, dtype, values as Values);
      }),
  };
}
