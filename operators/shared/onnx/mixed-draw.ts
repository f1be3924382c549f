/**
 * A draw without replacement that takes some positions from a uniform order of the candidates and the others from another order. Each position
 * takes the first candidate that is left in its order.
 *
 * The kernel draws each position by itself, with the same distribution. Both orders are of Plackett–Luce. If the first candidate of a set is known,
 * the order of the others has the distribution of an order of these alone. So the first one left is a draw by the weights of its order, and
 * the positions above do not matter.
 *
 * A round for each position, as `topk` says, all users at once.
 */
import {
  add,
  and,
  concat,
  dim,
  equal,
  expand,
  int64,
  less,
  max,
  min,
  mul,
  not,
  or,
  range,
  scalar,
  shape,
  slice,
  topK,
  unsqueeze,
  where,
} from "../../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../../compiler/onnx/graph-builder.js";
import type { Step } from "../../../contract/plan.js";
import type { UniformShare } from "../spec/facts.js";
import { gumbel } from "./gumbel.js";
import type { LoweredColumn } from "./lowered-column.js";
import { KEEP, type LowerContext, type LoweredInputs } from "./lowering.js";
import { mixedPropensities } from "./mixed-propensities.js";
import { ordered } from "./order-candidates.js";
import { FINEST_CHANCE, randomNumbers } from "./random-numbers.js";
import { leftAt, type MixedRule, uniformShare } from "./uniform-share.js";

/** @returns the step's columns */
export function mixedDraw(
  step: Step<"softmaxSampling"> | Step<"epsilonGreedy">,
  inputs: LoweredInputs<"topK">,
  context: LowerContext,
  rule: MixedRule,
): readonly LoweredColumn[] {
  const { uniform, weights, isDrawn } = rule;
  const { topk, propensity } = step.params;
  const { g } = context;
  refuseFine(context, uniform);
  const { mask } = inputs.input[0].rows;
  const width = dim(g, weights, 1);
  const blocks = isDrawn ? 2 : 1;
  const numbers = randomNumbers(
    context,
    step,
    zeros(g, weights, add(g, mul(g, width, int64(g, blocks)), int64(g, topk))),
  );
  const block = (i: number) => slice(g, numbers, mul(g, width, int64(g, i)), mul(g, width, int64(g, i + 1)), 1);
  const coins = slice(g, numbers, mul(g, width, int64(g, blocks)), dim(g, numbers, 1), 1);
  const left = leftAt(g, weights, mask, range(g, topk));
  const isUniform =
    uniform.per === "list"
      ? expand(
          g,
          less(g, slice(g, coins, int64(g, 0), int64(g, 1), 1), scalar(g, "float64", uniform.epsilon)),
          shape(g, coins),
        )
      : less(g, coins, uniformShare(g, uniform, left));
  const keys = merged(g, {
    uniform: block(0),
    other: isDrawn ? add(g, weights, gumbel(g, block(1))) : weights,
    isUniform,
    topk,
    mask,
  });
  const made = ordered(g, step, inputs, keys, topk);
  return propensity ? [...made.columns, ...mixedPropensities(g, made, rule)] : made.columns;
}

const zeros = (g: GraphBuilder, like: Value, width: Value): Value =>
  expand(g, scalar(g, "float64", 0), concat(g, [dim(g, like, 0), width]));

/** Two orders, by keys of which the largest is first. */
interface Orders {
  /** float64[users, places] */
  readonly uniform: Value;
  readonly other: Value;
  /** bool[users, topk] */
  readonly isUniform: Value;
  readonly topk: number;
  /** bool[users, places]; absent: all places have candidates */
  readonly mask: Value | undefined;
}

/** @returns float64[users, places]: 0 for the candidate of the first position, −1 for that of the second one, and −topk for the others */
function merged(g: GraphBuilder, { uniform, other, isUniform, topk, mask }: Orders): Value {
  const number = (x: number) => scalar(g, "float64", x);
  const places = unsqueeze(g, range(g, dim(g, other, 1)), 0);
  // A list may have no places at all.
  const one = min(g, dim(g, other, 1), int64(g, 1));
  // Even the worst key of a candidate is better than that of a taken one.
  const bounded = max(g, other, number(-Number.MAX_VALUE));
  let gone = mask ? not(g, mask) : expand(g, scalar(g, "bool", false), shape(g, other));
  let keys = expand(g, number(-topk), shape(g, other));
  for (let j = 0; j < topk; j++) {
    const order = where(g, slice(g, isUniform, int64(g, j), int64(g, j + 1), 1), uniform, bounded);
    const first = topK(g, where(g, gone, number(Number.NEGATIVE_INFINITY), order), one).at;
    const isNext = and(g, equal(g, places, first), not(g, gone));
    keys = where(g, isNext, number(-j), keys);
    gone = or(g, gone, isNext);
  }
  return keys;
}

/** A chance that matters is that of a position with two candidates left, or more. */
function refuseFine({ fail }: LowerContext, { epsilon, least }: UniformShare): void {
  const chance = Math.max(epsilon, 2 * least);
  if (chance < FINEST_CHANCE)
    fail(
      `a uniform draw of probability ${chance} is finer than ONNX Runtime's random numbers, which have 31 bits`,
      `Write \`${least > 0 ? "minPropensity" : "epsilon"}\` of at least ${least > 0 ? FINEST_CHANCE / 2 : FINEST_CHANCE}, or ${KEEP}.`,
    );
}
