import { KEEP, type NotLowered } from "../shared/onnx/lowering.js";

export const differenceLag: NotLowered = {
  notLowered: "it reads the rows before and after a row, and who is in a batch is chance",
  way: `Compute it in the feature store, or ${KEEP}.`,
};
