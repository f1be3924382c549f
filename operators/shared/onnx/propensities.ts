/**
 * The columns `propensity` and `list_propensity` of an ordering step. A position's probability is exp(w) over the sum of exp(w) for the
 * candidates that are left, with weights w = T · score. The sum has a scale of its own for each position, so that nothing is subtracted and
 * one large weight does not hide the others. O(positions · candidates) numbers for each user.
 */
import {
  concat,
  dim,
  div,
  expand,
  flat,
  gatherElements,
  int64,
  isInf,
  lessOrEqual,
  range,
  reduce,
  scalar,
  shape,
  slice,
  sub,
  topK,
  unary,
  unsqueeze,
  where,
} from "../../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../../compiler/onnx/graph-builder.js";
import type { LoweredColumn } from "./lowered-column.js";
import type { Ordered } from "./order-candidates.js";

/** @param weights float64[users, places]: T · score of each candidate @returns the two columns of a draw by these weights */
export function drawnPropensities(g: GraphBuilder, made: Ordered, weights: Value): readonly LoweredColumn[] {
  const number = (x: number) => scalar(g, "float64", x);
  const { own, share: shares, log: logs } = sharesOf(g, made, weights);
  // The draw takes infinite weights, and empty places, in their order.
  const settled = isInf(g, own);
  const share = where(g, settled, number(1), shares);
  const log = where(g, settled, number(0), logs);
  const list = unary(g, "Exp", reduce(g, "ReduceSum", log, 1, true));
  return columnsLike(g, made.columns[0]!, share, expand(g, list, shape(g, share)));
}

/** Shares of finite weights among those that are left, all float64[users, positions]. */
export interface Shares {
  /** The weight of the position's item. */
  readonly own: Value;
  /** The largest one of those left. */
  readonly most: Value;
  readonly share: Value;
  /** Its logarithm. */
  readonly log: Value;
}

export function sharesOf(g: GraphBuilder, made: Ordered, weights: Value): Shares {
  const { own, left } = restOf(g, made, weights, Number.NEGATIVE_INFINITY);
  const most = reduce(g, "ReduceMax", left, 2, true);
  const scale = where(g, isInf(g, most), scalar(g, "float64", 0), most);
  const sum = reduce(g, "ReduceSum", unary(g, "Exp", sub(g, left, scale)), 2);
  const above = sub(g, own, reduce(g, "ReduceMax", scale, 2));
  return {
    own,
    most: reduce(g, "ReduceMax", most, 2),
    share: div(g, unary(g, "Exp", above), sum),
    log: sub(g, above, unary(g, "Log", sum)),
  };
}

/**
 * Values of the chosen, and of those that are left at each position.
 * @param values float64[users, places] @param none the value of a place that is not left
 * @returns `own` is float64[users, positions], and `left` float64[users, positions, places + 1]
 */
export function restOf(
  g: GraphBuilder,
  { ranked, open, k }: Ordered,
  values: Value,
  none: number,
): { readonly own: Value; readonly left: Value } {
  const gone = scalar(g, "float64", none);
  // All candidates in the order of the draw: those that are left at a position are those from there on.
  const order = topK(g, ranked, dim(g, ranked, 1)).at;
  const drawn = gatherElements(g, open ? where(g, open, values, gone) : values, order);
  // One more place, which is empty: ONNX Runtime can't reduce an axis without any.
  const sorted = concat(g, [drawn, expand(g, gone, concat(g, [dim(g, drawn, 0), int64(g, 1)]))], 1);
  // [positions, candidates]
  const isLeft = lessOrEqual(g, unsqueeze(g, range(g, k), 1), unsqueeze(g, range(g, dim(g, sorted, 1)), 0));
  const left = where(g, unsqueeze(g, isLeft, 0), unsqueeze(g, sorted, 1), gone);
  return { own: slice(g, drawn, int64(g, 0), k, 1), left };
}

/** The two columns of an order that has no chance. */
export function certainPropensities(g: GraphBuilder, { columns }: Ordered): readonly LoweredColumn[] {
  const ids = columns[0]!;
  const ones = expand(g, scalar(g, "float64", 1), ids.rows.count);
  return columnsLike(g, ids, ones, ones);
}

export const columnsLike = (
  g: GraphBuilder,
  { rows }: LoweredColumn,
  ...values: readonly Value[]
): readonly LoweredColumn[] => values.map(value => ({ dtype: "float64", rows, values: flat(g, value) }));
