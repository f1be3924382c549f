/** Candidates of several sources → those of all, each once, in the order of a method, within the bounds of each source. */
import {
  add,
  and,
  cast,
  concat,
  div,
  equal,
  flat,
  gatherElements,
  int64,
  isInf,
  less,
  max,
  min,
  mul,
  not,
  notANumber,
  or,
  reduce,
  scalar,
  sub,
  topK,
  unary,
  where,
} from "../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../compiler/onnx/graph-builder.js";
import type { OpParams } from "../../contract/op-params.js";
import { childRows, type LoweredColumn } from "../shared/onnx/lowered-column.js";
import { KEEP, type Lowering } from "../shared/onnx/lowering.js";
import { type FoundBy, NOWHERE, type Places, placesOf, sourceOf } from "./onnx-places.js";
import { SOURCE_PORTS } from "./spec.js";

export const mergeCandidates: Lowering<"mergeCandidates"> = (step, inputs, context) => {
  const { g } = context;
  const { params } = step;
  if (params.sources.some(({ within }) => within !== undefined))
    context.fail("it leaves late sources out, and a graph has no clock", `Leave \`within\` out, or ${KEEP}.`);
  const sources = SOURCE_PORTS.flatMap(port => {
    const [ids, scores] = inputs[port] ?? [];
    return ids ? [sourceOf(g, ids, scores)] : [];
  });
  const places = placesOf(g, sources);
  const fused = fusedScores(g, places, params);
  const { at, width, mask, packed } = select(g, places, fused, params);
  const parent = sources[0]!.ids.rows.parent!;
  const rows = childRows(g, step.id, parent, width, { mask, packed });
  const made = (dtype: LoweredColumn["dtype"], values: Value): LoweredColumn => ({
    dtype,
    rows,
    values: flat(g, gatherElements(g, values, at)),
  });
  const { dtype } = sources[0]!.ids;
  const domains = sources.map(({ ids }) => ids.domain);
  const ids: LoweredColumn = {
    ...made(
      dtype,
      concat(
        g,
        sources.map(source => source.grid),
        1,
      ),
    ),
    ...(domains.every(domain => domain) && { domain: new Set(domains.flatMap(domain => [...domain!])) }),
  };
  if (!params.keepSource) return [ids];
  const none = int64(g, 0);
  const bits = places.of.map(({ found }, s) => where(g, found, int64(g, 2 ** s), none)).reduce((a, b) => add(g, a, b));
  return [
    ids,
    made("int32", bits),
    ...(fused ? [made("float32", fused)] : []),
    ...places.of.flatMap(({ found, rank, score }) => [
      made("int32", where(g, found, rank, none)),
      ...(score ? [made("float32", cast(g, score, "float32"))] : []),
    ]),
  ];
};

type Params = OpParams["mergeCandidates"];

/**
 * Ranks and scores of a candidate in each source → one score: as the kernel does, in float64 and then float32.
 * @returns float32[users, places]; undefined for candidates in turn
 */
function fusedScores(g: GraphBuilder, places: Places, params: Params): Value | undefined {
  const { method, k, sources } = params;
  if (method === "roundRobin") return undefined;
  const none = number(g, 0);
  const weightOf = (s: number): Value => number(g, sources[s]?.weight ?? 1);
  if (method === "rrf") {
    const parts = places.of.map(({ found, rank }, s) =>
      where(g, found, div(g, weightOf(s), add(g, number(g, k), cast(g, rank, "float64"))), none),
    );
    return cast(g, sum(g, parts), "float32");
  }
  const scaled = places.of.map(one => scaledScores(g, places, one, params));
  const isScored = scaled.map(({ has }) => has).reduce((a, b) => or(g, a, b));
  const lowest = number(g, Number.NEGATIVE_INFINITY);
  const total =
    method === "max"
      ? scaled.map(({ has, values }) => where(g, has, values, lowest)).reduce((a, b) => max(g, a, b))
      : sum(
          g,
          scaled.map(({ has, values }, s) => where(g, has, mul(g, weightOf(s), values), none)),
        );
  return cast(g, where(g, isScored, total, number(g, Number.NaN)), "float32");
}

const number = (g: GraphBuilder, value: number): Value => scalar(g, "float64", value);
const sum = (g: GraphBuilder, parts: readonly Value[]): Value => parts.reduce((a, b) => add(g, a, b));

/** @returns which places have a finite score of the source, and these scores, scaled */
function scaledScores(
  g: GraphBuilder,
  { stands }: Places,
  { found, score }: FoundBy,
  { normalize }: Params,
): { readonly has: Value; readonly values: Value } {
  const odd = or(g, notANumber(g, score!), isInf(g, score!));
  const has = and(g, and(g, stands, found), not(g, odd));
  const none = number(g, 0);
  const finite = where(g, has, score!, none);
  if (normalize === "none") return { has, values: finite };
  const over = (op: "ReduceMax" | "ReduceMin" | "ReduceSum", otherwise: number): Value =>
    reduce(g, op, where(g, has, finite, number(g, otherwise)), 1, true);
  const [low, high] = [over("ReduceMin", Number.POSITIVE_INFINITY), over("ReduceMax", Number.NEGATIVE_INFINITY)];
  // Users without any score have nothing to scale.
  const isFlat = or(g, equal(g, low, high), isInf(g, low));
  const ratio = (values: Value, divisor: Value): Value =>
    where(g, isFlat, none, div(g, values, where(g, isFlat, number(g, 1), divisor)));
  if (normalize === "minMax") return { has, values: ratio(sub(g, finite, low), sub(g, high, low)) };
  const counted = reduce(g, "ReduceSum", cast(g, has, "float64"), 1, true);
  const size = where(g, isFlat, number(g, 1), counted);
  const mean = div(g, over("ReduceSum", 0), size);
  const off = sub(g, finite, mean);
  const squares = reduce(g, "ReduceSum", where(g, has, mul(g, off, off), none), 1, true);
  return { has, values: ratio(off, unary(g, "Sqrt", div(g, squares, size))) };
}

interface Selection {
  /** int64[users, width] among all places. */
  readonly at: Value;
  /** int64[1] */
  readonly width: Value;
  /** bool[users, width] */
  readonly mask: Value;
  readonly packed: boolean;
}

/** Places and their scores → those that are answered, in order: as the kernel does, by counting what precedes each. */
function select(
  g: GraphBuilder,
  places: Places,
  fused: Value | undefined,
  { topk, sources }: OpParams["mergeCandidates"],
): Selection {
  const { count, stands, owners } = places;
  const width = topk === undefined ? count : min(g, int64(g, topk), count);
  const order = orderOf(g, places, fused);
  const ordered = (values: Value): Value => gatherElements(g, values, order);
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
    at: gatherElements(g, order, first.at),
    width,
    mask: gatherElements(g, kept, first.at),
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
  const byScore = topK(g, gatherElements(g, standing, byTurn), count).at;
  return gatherElements(g, byTurn, byScore);
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
