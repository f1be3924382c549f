/**
 * The columns `propensity` and `list_propensity` of a draw with a uniform part: λ / n + (1 − λ) · b for n candidates left and the probability b
 * of the other draw. With `per: "list"`, λ is that of the items above. The formulas are those of the kernel's `uniform-chance.ts`.
 */
import {
  add,
  cast,
  dim,
  div,
  equal,
  expand,
  greater,
  less,
  mul,
  range,
  reduce,
  scalar,
  shape,
  sub,
  topK,
  unary,
  where,
} from "../../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../../compiler/onnx/graph-builder.js";
import type { UniformShare } from "../spec/facts.js";
import type { LoweredColumn } from "./lowered-column.js";
import type { Ordered } from "./order-candidates.js";
import { columnsLike, restOf, sharesOf } from "./propensities.js";
import { leftAt, type MixedRule, uniformShare } from "./uniform-share.js";

/** @returns the two columns */
export function mixedPropensities(g: GraphBuilder, made: Ordered, rule: MixedRule): readonly LoweredColumn[] {
  const { columns, open, k } = made;
  const { uniform, weights } = rule;
  const number = (x: number) => scalar(g, "float64", x);
  const base = otherShare(g, made, rule);
  const counted = expand(g, leftAt(g, weights, open, range(g, k)), shape(g, base));
  const isPlace = greater(g, counted, number(0));
  const left = where(g, isPlace, counted, number(1));
  const { share, log } = uniform.per === "list" ? perList(g, uniform, left, base) : perPosition(g, uniform, left, base);
  const list = unary(g, "Exp", reduce(g, "ReduceSum", where(g, isPlace, log, number(0)), 1, true));
  return columnsLike(g, columns[0]!, share, expand(g, list, shape(g, share)));
}

/** @returns float64[users, positions]: probability of each item by the other draw */
function otherShare(g: GraphBuilder, made: Ordered, { weights, isDrawn }: MixedRule): Value {
  const isBest = firstOfRest(g, made, weights);
  const certain = cast(g, isBest, "float64");
  if (!isDrawn) return certain;
  const { share, most } = sharesOf(g, made, weights);
  // The first of infinite weight is certain, and after the last one of a finite weight the first of those that are left.
  return where(g, unsettled(g, most), share, certain);
}

const unsettled = (g: GraphBuilder, most: Value): Value => g.op("Not", [g.op("IsInf", [most], "bool")], "bool");

/** Whether a position has the candidate of the largest weight among those left, the first of equal ones. @returns bool[users, positions] */
function firstOfRest(g: GraphBuilder, made: Ordered, weights: Value): Value {
  const { ranked, open } = made;
  const number = (x: number) => scalar(g, "float64", x);
  const width = dim(g, ranked, 1);
  const bounded = where(g, less(g, weights, number(-Number.MAX_VALUE)), number(-Number.MAX_VALUE), weights);
  const keys = open ? where(g, open, bounded, number(Number.NEGATIVE_INFINITY)) : bounded;
  // The place of each place in the order by weight.
  const ranks = topK(g, topK(g, keys, width).at, width, false).at;
  const { own, left } = restOf(g, made, cast(g, ranks, "float64"), Number.POSITIVE_INFINITY);
  return equal(g, own, reduce(g, "ReduceMin", left, 2));
}

interface Mixed {
  /** float64[users, positions] */
  readonly share: Value;
  /** Its logarithm, also where the share is too small for a float64. */
  readonly log: Value;
}

function perPosition(g: GraphBuilder, uniform: UniformShare, left: Value, base: Value): Mixed {
  const share = mixed(g, uniformShare(g, uniform, left), left, base);
  return { share, log: unary(g, "Log", share) };
}

/** The chance is kept as ln(p / (1 − p)), which changes with each item above. */
function perList(g: GraphBuilder, { epsilon }: UniformShare, left: Value, base: Value): Mixed {
  const number = (x: number) => scalar(g, "float64", x);
  const [ln, exp, neg] = (["Log", "Exp", "Neg"] as const).map(op => (x: Value) => unary(g, op, x)) as [Op, Op, Op];
  const explained = neg(add(g, ln(left), ln(base)));
  const above = g.op("CumSum", [explained, scalar(g, "int64", 1n)], "float64", {
    attributes: { exclusive: { int: 1 } },
  });
  const odds = add(g, number(Math.log(epsilon) - Math.log1p(-epsilon)), above);
  const onePlus = (x: Value) => add(g, number(1), x);
  const chance = div(g, number(1), onePlus(exp(neg(odds))));
  // ln(1 / (1 + exp(−x))), also where exp overflows.
  const logistic = where(g, less(g, odds, number(-700)), odds, neg(ln(onePlus(exp(neg(odds))))));
  const both = ln(add(g, div(g, chance, left), div(g, base, onePlus(exp(odds)))));
  const log = where(g, equal(g, base, number(0)), sub(g, logistic, ln(left)), both);
  return { share: mixed(g, chance, left, base), log };
}

type Op = (x: Value) => Value;

/** chance / left + (1 − chance) · base */
const mixed = (g: GraphBuilder, chance: Value, left: Value, base: Value): Value =>
  add(g, div(g, chance, left), mul(g, sub(g, scalar(g, "float64", 1), chance), base));
