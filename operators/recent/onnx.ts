import { KEEP, type NotLowered } from "../shared/onnx/lowering.js";

export const recent: NotLowered = {
  notLowered: "it sorts lists of any length and drops repeated items, which a graph would compare pair by pair",
  way: `Send the latest items first and once, with \`explode()\`, or ${KEEP}.`,
};
