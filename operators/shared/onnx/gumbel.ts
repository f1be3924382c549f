/** Gumbel noise of uniform numbers. */
import { unary } from "../../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../../compiler/onnx/graph-builder.js";

/** −ln(−ln u). A weight with this noise added is the largest with probability exp(weight) over the sum of them. */
export function gumbel(g: GraphBuilder, u: Value): Value {
  const neg = (x: Value) => unary(g, "Neg", x);
  return neg(unary(g, "Log", neg(unary(g, "Log", u))));
}
