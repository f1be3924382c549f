/** Columns → those of them that the fit kept. */
import type { Lowering } from "../shared/onnx/lowering.js";

export const dropLowCardinality: Lowering<"dropLowCardinality"> = (step, { input }) =>
  step.outputs.map(({ name }) => input[step.inputs.input.findIndex(ref => ref.name === name)]!);
