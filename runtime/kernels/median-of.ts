/** A fitted `fillMedian` step, a column and its dtype -> the median in that dtype. Kernel and SQL form share it. */
import { type DType, datatype } from "../../triton-protos/datatype.js";
import type { Step } from "../../triton-protos/plan.js";
import { RuntimeFault } from "../errors.js";
import type { FillValue } from "./fill-value.js";

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
