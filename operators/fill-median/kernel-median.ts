/** A fitted `fillMedian` step, a column and its dtype -> the median in that dtype. Kernel and SQL form share it. */

import type { Step } from "../../contract/plan.js";
import { RuntimeFault } from "../../runtime/base/errors.js";
import { type DType, datatype } from "../../triton-protos/datatype.js";
import type { FillValue } from "../shared/kernel/fill-value.js";

export function medianOf(step: Step<"fillMedian">, name: string, dtype: DType): FillValue {
  const median = step.state?.columns[name]?.median;
  if (median === undefined)
    throw new RuntimeFault(
      "INTERNAL",
      `step \`${step.id}\` (fillMedian) has no median of column \`${name}\`. Run \`merlon fit\` again.`,
    );
  const { kind, bytes } = datatype(dtype);
  return kind !== "float" && bytes === 8 ? BigInt(median) : Number(median);
}
