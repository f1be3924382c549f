/**
 * The greedy search of a determinantal point process as rounds of a graph, as the kernel's. Each round takes the candidate that multiplies
 * the determinant the most, with one more column of the Cholesky factor.
 */
import {
  add,
  concat,
  div,
  gatherElements,
  int64,
  less,
  mul,
  not,
  scalar,
  sub,
  topK,
  unary,
  unsqueeze,
  where,
} from "../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../compiler/onnx/graph-builder.js";
import type { Method } from "./onnx-method.js";

/** A candidate adds nothing if less than this share of its first gain is left. */
const NEGLIGIBLE = 1e-10;
/** Keeps qualities finite as balance nears 1. */
const STEEPEST = 50;

export const dppStart: Method["start"] = (g, { relevance, balance }) => {
  const steepness = Math.min(STEEPEST, balance / (2 * (1 - balance)));
  const quality = unary(g, "Exp", mul(g, scalar(g, "float64", steepness), relevance));
  return { quality, gain: mul(g, quality, quality) };
};

export const dppRound: Method["round"] = (g, { relevance, cosine }, memory, gone) => {
  const n = (x: number) => scalar(g, "float64", x);
  const [quality, gain] = [memory.quality!, memory.gain!];
  const largest = (values: Value) => topK(g, where(g, gone, n(-1), values), int64(g, 1));
  const first = largest(gain);
  // When the set is exhausted, the rest follow by relevance.
  const isNothing = (of: Value) => not(g, less(g, n(0), of));
  const best = where(g, isNothing(first.values), largest(relevance).at, first.at);
  const own = gatherElements(g, gain, best, 1);
  const counts = less(g, n(0), own);
  const root = unary(g, "Sqrt", where(g, counts, own, n(1)));
  const alike = div(g, add(g, n(1), cosine(best)), n(2));
  const product = mul(g, mul(g, gatherElements(g, quality, best, 1), quality), alike);
  const { factors } = memory;
  const left = factors ? sub(g, product, projected(g, factors, best)) : product;
  const factor = where(g, counts, div(g, left, root), n(0));
  const column = unsqueeze(g, factor, 2);
  const rest = sub(g, gain, mul(g, factor, factor));
  const least = mul(g, n(NEGLIGIBLE), mul(g, quality, quality));
  return {
    best,
    memory: {
      quality,
      gain: where(g, less(g, rest, least), n(0), rest),
      factors: factors ? concat(g, [factors, column], 2) : column,
    },
  };
};

/** Σ of each candidate's row of the factor times the best one's. @param factors float64[users, places, rounds] */
function projected(g: GraphBuilder, factors: Value, best: Value): Value {
  const row = g.op("GatherND", [factors, best], "float64", { attributes: { batch_dims: { int: 1 } } });
  return g.op("Squeeze", [g.op("MatMul", [factors, unsqueeze(g, row, 2)], "float64"), int64(g, 2)], "float64");
}
