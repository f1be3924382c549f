/**
 * Candidates and scores → a draw without replacement with probability proportional to exp(T · score): the largest T · s − ln(−ln u), where u are
 * ONNX Runtime's random numbers.
 */
import { mul, scalar, sub, unary } from "../onnx/elementary.js";
import { KEEP, type Lowering } from "./lowering.js";
import { checkedScores, orderCandidates } from "./order-candidates.js";
import { best } from "./top-k.js";

export const softmaxSampling: Lowering<"softmaxSampling"> = (step, inputs, context) => {
  const { topk, temperature, mode, seed } = step.params;
  const { g } = context;
  if (mode === "greedy") return best(step, inputs, context, topk);
  if (seed !== undefined)
    context.fail(
      `with \`seed: ${seed}\` every request draws the same, and ONNX Runtime's random numbers go on from request to request`,
      `Leave \`seed\` out, take \`mode: "greedy"\`, or ${KEEP}.`,
    );
  context.note(
    `step \`${step.label}\` draws with ONNX Runtime's random numbers: the same distribution, and the request parameter \`seed\` does nothing.`,
  );
  const scores = checkedScores(g, step, inputs.input![0]!, inputs.relevance![0]!, step.inputs.relevance![0]!.name);
  const u = g.op("RandomUniformLike", [scores], "float64", { unique: true, attributes: { dtype: { int: 11 } } });
  const neg = (x: typeof u) => unary(g, "Neg", x);
  const gumbel = neg(unary(g, "Log", neg(unary(g, "Log", u))));
  const keys = sub(g, mul(g, scalar(g, "float64", temperature), scores), neg(gumbel));
  return orderCandidates(g, step, inputs, keys, topk);
};
