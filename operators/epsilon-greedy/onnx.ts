/** Candidates and scores → the best of each user, with positions or whole lists of a uniform order. */
import type { Lowering } from "../shared/onnx/lowering.js";
import { mixedDraw } from "../shared/onnx/mixed-draw.js";
import { checkedScores } from "../shared/onnx/order-candidates.js";
import { best } from "../top-k/onnx.js";
import { ruleOf } from "./spec.js";

export const epsilonGreedy: Lowering<"epsilonGreedy"> = (step, inputs, context) => {
  const { uniform } = ruleOf(step.params);
  if (!uniform) return best(step, inputs, context, step.params.topk);
  const weights = checkedScores(context.g, step, inputs.input[0], inputs.relevance[0], step.inputs.relevance[0].name);
  return mixedDraw(step, inputs, context, { uniform, weights, isDrawn: false });
};
