/**
 * Candidates and scores → a draw without replacement with probability proportional to exp(T · score): the largest T · s − ln(−ln u), where
 * u are ONNX Runtime's random numbers. With `minPropensity` that order and a uniform one are merged.
 */
import { add, expand, mul, scalar, shape } from "../../compiler/onnx/elementary.js";
import { gumbel } from "../shared/onnx/gumbel.js";
import type { Lowering } from "../shared/onnx/lowering.js";
import { mixedDraw } from "../shared/onnx/mixed-draw.js";
import { checkedScores, ordered } from "../shared/onnx/order-candidates.js";
import { drawnPropensities } from "../shared/onnx/propensities.js";
import { randomNumbers } from "../shared/onnx/random-numbers.js";
import { uniformFloor } from "../shared/spec/exploration.js";
import { best } from "../top-k/onnx.js";

export const softmaxSampling: Lowering<"softmaxSampling"> = (step, inputs, context) => {
  const { topk, temperature, mode, propensity, minPropensity } = step.params;
  const { g } = context;
  if (mode === "greedy") return best(step, inputs, context, topk);
  const scores = checkedScores(g, step, inputs.input[0], inputs.relevance[0], step.inputs.relevance[0].name);
  // Without a temperature every candidate has the same chance, one of infinite score too.
  const weights =
    temperature === 0
      ? expand(g, scalar(g, "float64", 0), shape(g, scores))
      : mul(g, scalar(g, "float64", temperature), scores);
  const uniform = uniformFloor(minPropensity);
  if (uniform) return mixedDraw(step, inputs, context, { uniform, weights, isDrawn: true });
  const keys = add(g, weights, gumbel(g, randomNumbers(context, step, scores)));
  const made = ordered(g, step, inputs, keys, topk);
  return propensity ? [...made.columns, ...drawnPropensities(g, made, weights)] : made.columns;
};
