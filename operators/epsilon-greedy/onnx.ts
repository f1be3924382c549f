/** A draw position by position: each depends on the candidates that the positions above took. */
import { KEEP, type Lowering } from "../shared/onnx/lowering.js";
import { best } from "../top-k/onnx.js";
import { ruleOf } from "./spec.js";

export const epsilonGreedy: Lowering<"epsilonGreedy"> = (step, inputs, context) => {
  if (ruleOf(step.params).uniform)
    context.fail(
      "it draws position by position, from the candidates that the positions above left, and a graph orders all at once",
      `Take \`softmaxSampling\`, write \`epsilon: 0\`, or ${KEEP}.`,
    );
  return best(step, inputs, context, step.params.topk);
};
