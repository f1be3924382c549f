/** Places and their scores → those that are answered, in order: as `kernel-select` does, by counting what precedes each. */
import {
  and,
  cast,
  equal,
  gatherElements,
  int64,
  less,
  max,
  min,
  not,
  notANumber,
  or,
  reduce,
  scalar,
  sub,
  topK,
  where,
} from "../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../compiler/onnx/graph-builder.js";
import type { OpParams } from "../../contract/op-params.js";
import { NOWHERE, type Places } from "./onnx-places.js";

interface Selection {
  /** int64[users, width] among all places. */
  readonly at: Value;
  /** int64[1] */
  readonly width: Value;
  /** bool[users, width] */
  readonly mask: Value;
  readonly packed: boolean;
}

export function select(
  g: GraphBuilder,
  places: Places,
  fused: Value | undefined,
  { topk, sources }: OpParams["mergeCandidates"],
): Selection {
  const { count, stands, owners } = places;
  const width = topk === undefined ? count : min(g, int64(g, topk), count);
  const order = orderOf(g, places, fused);
  const ordered = (values: Value): Value => gatherElements(g, values, order, 1);
  const isThere = ordered(stands);
  const isBound = sources.some(({ quota, floor }) => quota !== undefined || floor !== undefined);
  if (!isBound) {
    const head = (values: Value): Value => g.op("Slice", [values, int64(g, 0), width, int64(g, 1)], values.dtype);
    return { at: head(order), width, mask: head(isThere), packed: true };
  }
  const kept = bounded(g, isThere, ordered(owners), sources, topk);
  // The kept ones first, in their order.
  const first = topK(g, cast(g, kept, "int64"), width);
  return {
    at: gatherElements(g, order, first.at, 1),
    width,
    mask: gatherElements(g, kept, first.at, 1),
    packed: true,
  };
}

/** int64[users, places]: by score, equal ones by first appearance, NaN behind them, and then places that stand for no id. */
function orderOf(g: GraphBuilder, { count, keys }: Places, fused: Value | undefined): Value {
  const byTurn = topK(g, keys, count, false).at;
  if (!fused) return byTurn;
  const exact = cast(g, fused, "float64");
  const low = scalar(g, "float64", -1e300);
  const last = scalar(g, "float64", Number.NEGATIVE_INFINITY);
  const nowhere = where(g, notANumber(g, exact), last, max(g, exact, low));
  const standing = where(g, less(g, keys, scalar(g, "int64", NOWHERE)), nowhere, last);
  const byScore = topK(g, gatherElements(g, standing, byTurn, 1), count).at;
  return gatherElements(g, byTurn, byScore, 1);
}

function bounded(
  g: GraphBuilder,
  isThere: Value,
  owners: Value,
  sources: OpParams["mergeCandidates"]["sources"],
  topk: number | undefined,
): Value {
  const preceding = (flags: Value): Value =>
    g.op("CumSum", [cast(g, flags, "int64"), scalar(g, "int64", 1n)], "int64", {
      attributes: { exclusive: { int: 1 } },
    });
  let kept = isThere;
  let reserved: Value | undefined;
  for (const [s, { quota, floor }] of sources.entries()) {
    if (quota === undefined && floor === undefined) continue;
    const own = and(g, isThere, equal(g, owners, int64(g, s)));
    const place = preceding(own);
    if (quota !== undefined) kept = and(g, kept, or(g, not(g, own), less(g, place, int64(g, quota))));
    if (floor === undefined) continue;
    const first = and(g, own, less(g, place, int64(g, floor)));
    reserved = reserved ? or(g, reserved, first) : first;
  }
  if (topk === undefined) return kept;
  const others = reserved ? and(g, kept, not(g, reserved)) : kept;
  const taken = reserved
    ? sub(g, int64(g, topk), reduce(g, "ReduceSum", cast(g, reserved, "int64"), 1, true))
    : int64(g, topk);
  const free = and(g, others, less(g, preceding(others), taken));
  return reserved ? or(g, reserved, free) : free;
}
