/** A build lowers a plan without its shadows. This lowering is for a single step. */
import type { Lowering } from "../shared/onnx/lowering.js";

export const shadow: Lowering<"shadow"> = (_, { input }) => input;
