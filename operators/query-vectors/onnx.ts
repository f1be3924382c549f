import { KEEP, type NotLowered } from "../shared/onnx/lowering.js";

export const queryVectors: NotLowered = {
  notLowered: "it searches a database, and a graph has no connections",
  way: `Search a FAISS index with \`queryFaiss\`, or ${KEEP}.`,
};
