import type { NotLowered } from "../shared/onnx/lowering.js";

export const fused: NotLowered = { notLowered: "its parts are lowered one by one", way: "Build it again." };
