import { KEEP, type NotLowered } from "../shared/onnx/lowering.js";

export const mergeCandidates: NotLowered = {
  notLowered: "it takes candidates of several sources in turn, which a graph would do candidate by candidate",
  way: `Merge in the client, or ${KEEP}.`,
};
