/** Numeric columns → the same with the median of the fitted data for null, and bool columns that say where there were some. */
import { learntOf } from "../../contract/learnt-columns.js";
import { datatype } from "../../triton-protos/datatype.js";
import { fillColumns } from "../fill-missing/onnx.js";
import type { Lowering } from "../shared/onnx/lowering.js";

export const fillMedian: Lowering<"fillMedian"> = (step, inputs, { g }) =>
  fillColumns(g, step, inputs, (name, dtype) => {
    const { median } = learntOf(step, name);
    return datatype(dtype).kind === "float" ? Number(median) : BigInt(median);
  });
