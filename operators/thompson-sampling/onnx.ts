/**
 * Candidates with a mean and a variance → the largest of normal draws: μ + scale · √v · √(−2 ln u) · sin 2πu′ (Box and Muller, 1958), where u
 * and u′ are ONNX Runtime's random numbers.
 */
import {
  add,
  concat,
  dim,
  expand,
  guarded,
  int64,
  isInf,
  less,
  mul,
  notANumber,
  or,
  scalar,
  slice,
  sub,
  unary,
} from "../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../compiler/onnx/graph-builder.js";
import type { Step } from "../../contract/plan.js";
import { amongTaken, asGrid, toFloat64 } from "../shared/onnx/lowered-column.js";
import { KEEP, type LowerContext, type Lowering } from "../shared/onnx/lowering.js";
import { ordered } from "../shared/onnx/order-candidates.js";
import { certainPropensities } from "../shared/onnx/propensities.js";
import { randomNumbers } from "../shared/onnx/random-numbers.js";

export const thompsonSampling: Lowering<"thompsonSampling"> = (step, inputs, context) => {
  const { topk, scale, propensity } = step.params;
  if (propensity && scale > 0)
    context.fail(
      "the propensity of a normal draw is an integral, which a graph does not compute",
      `Leave \`propensity\` out, draw with \`softmaxSampling\` or \`epsilonGreedy\`, or ${KEEP}.`,
    );
  const { g } = context;
  const [ids] = inputs.input;
  const numbersOf = (port: "relevance" | "variance", isOdd: (x: Value) => Value, rule: string): Value => {
    const values = toFloat64(g, inputs[port][0]);
    const reason = `step ${step.label} (${step.op}): column ${step.inputs[port][0].name}: ${rule}`;
    return asGrid(g, guarded(g, values, amongTaken(g, isOdd(values), ids.rows, false), reason), ids.rows);
  };
  const isNone = (x: Value): Value => or(g, notANumber(g, x), isInf(g, x));
  const isNegative = (x: Value): Value => less(g, x, scalar(g, "float64", 0));
  const means = numbersOf("relevance", isNone, "a mean is a finite number");
  const variances = numbersOf("variance", x => or(g, isNone(x), isNegative(x)), "a variance is a number from 0");
  const keys = scale === 0 ? ignoring(g, means, variances) : add(g, means, noise(step, variances, context));
  const made = ordered(g, step, inputs, keys, topk);
  return propensity ? [...made.columns, ...certainPropensities(g, made)] : made.columns;
};

/** The means, once the variances are checked. */
const ignoring = (g: GraphBuilder, means: Value, variances: Value): Value =>
  add(g, means, mul(g, scalar(g, "float64", 0), variances));

/** @param variances float64[users, places] @returns of this shape: independent normal numbers with these variances, times the squared scale */
function noise(step: Step<"thompsonSampling">, variances: Value, context: LowerContext): Value {
  const { g } = context;
  const number = (x: number) => scalar(g, "float64", x);
  const width = dim(g, variances, 1);
  const places = concat(g, [dim(g, variances, 0), mul(g, width, int64(g, 2))]);
  const numbers = randomNumbers(context, step, expand(g, number(0), places));
  const block = (i: number): Value => slice(g, numbers, mul(g, width, int64(g, i)), mul(g, width, int64(g, i + 1)), 1);
  // A number may be 0, and has a logarithm as its difference from 1.
  const radius = unary(g, "Sqrt", mul(g, number(-2), unary(g, "Log", sub(g, number(1), block(0)))));
  const normal = mul(g, radius, unary(g, "Sin", mul(g, number(2 * Math.PI), block(1))));
  return mul(g, mul(g, number(step.params.scale), unary(g, "Sqrt", variances)), normal);
}
