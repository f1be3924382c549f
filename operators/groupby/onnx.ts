import { KEEP, type NotLowered } from "../shared/onnx/lowering.js";

export const groupby: NotLowered = {
  notLowered: "it makes one row of many, and every row of a Triton request has an answer",
  way: `Keep the groups in the feature store, or ${KEEP}.`,
};
