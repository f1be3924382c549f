/** Normal draws of each candidate: a graph has no random numbers of its own for them. */
import { KEEP, type Lowering } from "../shared/onnx/lowering.js";

export const thompsonSampling: Lowering<"thompsonSampling"> = (_step, _inputs, context) =>
  context.fail(
    "its normal draws are independent for each candidate and step, and ONNX Runtime gives nodes of one shape the same random numbers",
    `Take \`topK\` of the means, draw with \`softmaxSampling\`, or ${KEEP}.`,
  );
