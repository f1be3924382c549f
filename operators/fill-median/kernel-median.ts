/** A fitted `fillMedian` step, a column and its dtype → the median in that dtype. Kernel and SQL form share it. */

import { learntOf } from "../../contract/learnt-columns.js";
import type { Fitted } from "../../contract/plan.js";
import { type DType, datatype } from "../../triton-protos/datatype.js";
import type { FillValue } from "../shared/kernel/fill-value.js";

export function medianOf(step: Fitted<"fillMedian">, name: string, dtype: DType): FillValue {
  const { median } = learntOf(step, name);
  const { kind, bytes } = datatype(dtype);
  return kind !== "float" && bytes === 8 ? BigInt(median) : Number(median);
}
