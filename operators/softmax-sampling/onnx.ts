/**
 * Candidates and scores → a draw without replacement with probability proportional to exp(T · score): the largest T · s − ln(−ln u), where
 * u are ONNX Runtime's random numbers. It seeds them by the process and the node's position in its graph. Graphs of one shape get the same
 * seeds, so each draw makes its own.
 */
import { createHash } from "node:crypto";
import { add, expand, floor, mul, scalar, shape, sub, unary } from "../../compiler/onnx/elementary.js";
import { KEEP, type Lowering } from "../shared/onnx/lowering.js";
import { checkedScores, ordered } from "../shared/onnx/order-candidates.js";
import { drawnPropensities } from "../shared/onnx/propensities.js";
import { best } from "../top-k/onnx.js";

export const softmaxSampling: Lowering<"softmaxSampling"> = (step, inputs, context) => {
  const { topk, temperature, mode, seed, propensity, minPropensity } = step.params;
  const { g } = context;
  if (mode === "greedy") return best(step, inputs, context, topk);
  if (seed !== undefined)
    context.fail(
      `with \`seed: ${seed}\` every request draws the same, and ONNX Runtime's random numbers go on from request to request`,
      `Leave \`seed\` out, take \`mode: "greedy"\`, or ${KEEP}.`,
    );
  if (minPropensity !== undefined)
    context.fail(
      "with `minPropensity` it draws position by position, from the candidates that the positions above left, and a graph orders all at once",
      `Leave \`minPropensity\` out, or ${KEEP}.`,
    );
  context.note(
    `step \`${step.label}\` draws with ONNX Runtime's random numbers: the same distribution, and the request parameter \`seed\` does nothing.`,
  );
  const scores = checkedScores(g, step, inputs.input[0], inputs.relevance[0], step.inputs.relevance[0].name);
  const shared = g.op("RandomUniformLike", [scores], "float64", { unique: true, attributes: { dtype: { int: 11 } } });
  const scaled = mul(g, shared, scalar(g, "float64", multiplier(context.program, step.id)));
  const u = sub(g, scaled, floor(g, scaled));
  const neg = (x: typeof u) => unary(g, "Neg", x);
  const gumbel = neg(unary(g, "Log", neg(unary(g, "Log", u))));
  // Without a temperature every candidate has the same chance, one of infinite score too.
  const weights =
    temperature === 0
      ? expand(g, scalar(g, "float64", 0), shape(g, scores))
      : mul(g, scalar(g, "float64", temperature), scores);
  const made = ordered(g, step, inputs, add(g, weights, gumbel), topk);
  return propensity ? [...made.columns, ...drawnPropensities(g, made, weights)] : made.columns;
};

/**
 * An odd number below 2^20. The fraction of its product with a uniform number is uniform, says nothing of the fraction by another multiplier, and keeps 33 of
 * 53 bits.
 */
function multiplier(program: string, step: string): number {
  const bits =
    createHash("sha256")
      .update(JSON.stringify([program, step]))
      .digest()
      .readUInt32LE(0) %
    2 ** 18;
  return 2 ** 19 + 2 * bits + 1;
}
