/** Ranks and scores of a candidate in each source → one score: as `kernel-fuse` does, in float64 and then float32. */
import {
  add,
  and,
  cast,
  div,
  equal,
  isInf,
  max,
  mul,
  not,
  notANumber,
  or,
  reduce,
  scalar,
  sub,
  unary,
  where,
} from "../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../compiler/onnx/graph-builder.js";
import type { OpParams } from "../../contract/op-params.js";
import type { FoundBy, Places } from "./onnx-places.js";

type Params = OpParams["mergeCandidates"];

/** @returns float32[users, places]; undefined for candidates in turn */
export function fusedScores(g: GraphBuilder, places: Places, params: Params): Value | undefined {
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
