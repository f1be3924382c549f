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
export function drawnPropensities(
  g: GraphBuilder,
  { columns, ranked, open, k }: Ordered,
  weights: Value,
): readonly LoweredColumn[] {
  const number = (x: number) => scalar(g, "float64", x);
  const least = number(Number.NEGATIVE_INFINITY);
  // All candidates in the order of the draw: those that are left at a position are those from there on.
  const order = topK(g, ranked, dim(g, ranked, 1)).at;
  const drawn = gatherElements(g, open ? where(g, open, weights, least) : weights, order, 1);
  const own = slice(g, drawn, int64(g, 0), k, 1);
  // One more place, which is empty: ONNX Runtime can't reduce an axis without any.
  const sorted = concat(g, [drawn, expand(g, least, concat(g, [dim(g, drawn, 0), int64(g, 1)]))], 1);
  // [positions, candidates]
  const isLeft = lessOrEqual(g, unsqueeze(g, range(g, k), 1), unsqueeze(g, range(g, dim(g, sorted, 1)), 0));
  const left = where(g, unsqueeze(g, isLeft, 0), unsqueeze(g, sorted, 1), least);
  const most = reduce(g, "ReduceMax", left, 2, true);
  const scale = where(g, isInf(g, most), number(0), most);
  const sum = reduce(g, "ReduceSum", unary(g, "Exp", sub(g, left, scale)), 2);
  const above = sub(g, own, reduce(g, "ReduceMax", scale, 2));
  // The draw takes infinite weights, and empty places, in their order.
  const settled = isInf(g, own);
  const share = where(g, settled, number(1), div(g, unary(g, "Exp", above), sum));
  const log = where(g, settled, number(0), sub(g, above, unary(g, "Log", sum)));
  const list = unary(g, "Exp", reduce(g, "ReduceSum", log, 1, true));
  return columnsLike(g, columns[0]!, share, expand(g, list, shape(g, share)));
}

/** The two columns of an order that has no chance. */
export function certainPropensities(g: GraphBuilder, { columns }: Ordered): readonly LoweredColumn[] {
  const ids = columns[0]!;
  const ones = expand(g, scalar(g, "float64", 1), ids.rows.count);
  return columnsLike(g, ids, ones, ones);
}

const columnsLike = (g: GraphBuilder, { rows }: LoweredColumn, ...values: readonly Value[]): readonly LoweredColumn[] =>
  values.map(value => ({ dtype: "float64", rows, values: flat(g, value) }));
