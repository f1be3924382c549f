/** Candidates and scores → the best of each user, equal ones in their order. */
import type { Step } from "../../contract/plan.js";
import type { LoweredColumn } from "../shared/onnx/lowered-column.js";
import type { LowerContext, LoweredInputs, Lowering } from "../shared/onnx/lowering.js";
import { checkedScores, orderCandidates } from "../shared/onnx/order-candidates.js";

export const topK: Lowering<"topK"> = (step, inputs, context) => best(step, inputs, context, step.params.topk);

export function best(
  step: Step<"topK"> | Step<"softmaxSampling">,
  inputs: LoweredInputs<"topK">,
  { g }: LowerContext,
  most: number,
): LoweredColumn[] {
  const scores = checkedScores(g, step, inputs.input[0], inputs.relevance[0], step.inputs.relevance[0].name);
  return orderCandidates(g, step, inputs, scores, most);
}
