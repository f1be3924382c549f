/** Candidates and scores → the best of each user, equal ones in their order. */
import type { Step } from "../../contract/plan.js";
import type { LoweredColumn } from "../shared/onnx/lowered-column.js";
import type { LowerContext, LoweredInputs, Lowering } from "../shared/onnx/lowering.js";
import { checkedScores, ordered } from "../shared/onnx/order-candidates.js";
import { certainPropensities } from "../shared/onnx/propensities.js";

export const topK: Lowering<"topK"> = (step, inputs, context) => best(step, inputs, context, step.params.topk);

export function best(
  step: Step<"topK"> | Step<"softmaxSampling"> | Step<"epsilonGreedy">,
  inputs: LoweredInputs<"topK">,
  { g }: LowerContext,
  most: number,
): readonly LoweredColumn[] {
  const scores = checkedScores(g, step, inputs.input[0], inputs.relevance[0], step.inputs.relevance[0].name);
  const made = ordered(g, step, inputs, scores, most);
  return step.params.propensity ? [...made.columns, ...certainPropensities(g, made)] : made.columns;
}
