import { KEEP, type NotLowered } from "../shared/onnx/lowering.js";

export const fallback: NotLowered = {
  notLowered: "it takes another branch when one fails or is late, and a graph has neither faults nor a clock",
  way: `Build the branches as two ensembles and choose in the client, or ${KEEP}.`,
};
