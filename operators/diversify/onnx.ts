/**
 * Candidates, scores and embeddings → `topk` of each user that are good and unlike each other. The greedy rounds are written out one after the
 * other, each for all users at once.
 */
import {
  add,
  cast,
  concat,
  dim,
  div,
  equal,
  flat,
  gather,
  gatherElements,
  greater,
  guarded,
  int64,
  isInf,
  less,
  max,
  min,
  mul,
  not,
  notANumber,
  or,
  range,
  reduce,
  reshape,
  scalar,
  slice,
  sub,
  topK,
  unary,
  unsqueeze,
  where,
} from "../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../compiler/onnx/graph-builder.js";
import { amongTaken, grid, type LoweredColumn } from "../shared/onnx/lowered-column.js";
import type { Lowering } from "../shared/onnx/lowering.js";
import { checkedScores, chosenAt } from "../shared/onnx/order-candidates.js";

/** Maximal marginal relevance as rounds of a graph: the largest balance · relevance − (1 − balance) · likeness to the nearest of those taken. */
const mmrStart: Method["start"] = () => ({});

const mmrRound: Method["round"] = (g, { relevance, cosine, balance }, memory, gone) => {
  const n = (x: number) => scalar(g, "float64", x);
  const { nearest } = memory;
  const good = mul(g, n(balance), relevance);
  const value = nearest ? sub(g, good, mul(g, n(1 - balance), nearest)) : good;
  const best = topK(g, where(g, gone, n(Number.NEGATIVE_INFINITY), value), int64(g, 1)).at;
  const like = cosine(best);
  return { best, memory: { nearest: nearest ? max(g, nearest, like) : like } };
};

/** A candidate adds nothing if less than this share of its first gain is left. */
const NEGLIGIBLE = 1e-10;
/** Keeps qualities finite as balance nears 1. */
const STEEPEST = 50;

/**
 * The greedy search of a determinantal point process as rounds of a graph, as the kernel's. Each round takes the candidate that multiplies
 * the determinant the most, with one more column of the Cholesky factor.
 */
const dppStart: Method["start"] = (g, { relevance, balance }) => {
  const steepness = Math.min(STEEPEST, balance / (2 * (1 - balance)));
  const quality = unary(g, "Exp", mul(g, scalar(g, "float64", steepness), relevance));
  return { quality, gain: mul(g, quality, quality) };
};

const dppRound: Method["round"] = (g, { relevance, cosine }, memory, gone) => {
  const n = (x: number) => scalar(g, "float64", x);
  const [quality, gain] = [memory.quality!, memory.gain!];
  const largest = (values: Value) => topK(g, where(g, gone, n(-1), values), int64(g, 1));
  const first = largest(gain);
  // When the set is exhausted, the rest follow by relevance.
  const isNothing = (of: Value) => not(g, less(g, n(0), of));
  const best = where(g, isNothing(first.values), largest(relevance).at, first.at);
  const own = gatherElements(g, gain, best);
  const counts = less(g, n(0), own);
  const root = unary(g, "Sqrt", where(g, counts, own, n(1)));
  const alike = div(g, add(g, n(1), cosine(best)), n(2));
  const product = mul(g, mul(g, gatherElements(g, quality, best), quality), alike);
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

const METHODS = {
  mmr: { start: mmrStart, round: mmrRound },
  dpp: { start: dppStart, round: dppRound },
} as const satisfies Record<string, Method>;

export const diversify: Lowering<"diversify"> = (step, inputs, { g }) => {
  const { topk, method, balance } = step.params;
  const [ids, scores, embedding] = [inputs.input[0], inputs.relevance[0], inputs.embedding[0]];
  const { rows } = ids;
  const names = { scores: step.inputs.relevance[0].name, vectors: step.inputs.embedding[0].name };
  const checked = checkedScores(g, step, ids, scores, names.scores);
  const infinite = amongTaken(g, flat(g, isInf(g, checked)), rows, false);
  const reason = `step ${step.label} (diversify): column ${names.scores} holds an infinite score`;
  const relevance = scaled(g, guarded(g, checked, infinite, reason), rows.mask);
  const { vectors, cosine } = likeness(g, embedding, rows, `step ${step.label} (diversify): column ${names.vectors}`);
  const pool: Pool = { relevance, cosine, balance };
  const { start, round }: Method = METHODS[method];
  const places = unsqueeze(g, range(g, rows.width!), 0);
  let gone = rows.mask ? g.op("Not", [rows.mask], "bool") : notANumber(g, relevance);
  let memory = start(g, pool);
  const taken: Value[] = [];
  for (let n = 0; n < topk; n++) {
    const made = round(g, pool, memory, gone);
    memory = made.memory;
    gone = or(g, gone, equal(g, places, made.best));
    taken.push(made.best);
  }
  const k = min(g, dim(g, vectors, 1), int64(g, topk));
  const all = taken.length === 1 ? taken[0]! : g.op("Concat", taken, "int64", { attributes: { axis: { int: 1 } } });
  return chosenAt(g, step, inputs, slice(g, all, int64(g, 0), k, 1), k, rows.mask);
};

/** Scores between a user's worst and best as 0 … 1; 0 where these are one. */
function scaled(g: GraphBuilder, scores: Value, taken: Value | undefined): Value {
  const n = (x: number) => scalar(g, "float64", x);
  const among = (otherwise: number) => (taken ? where(g, taken, scores, n(otherwise)) : scores);
  const low = reduce(g, "ReduceMin", among(Number.POSITIVE_INFINITY), 1, true);
  const high = reduce(g, "ReduceMax", among(Number.NEGATIVE_INFINITY), 1, true);
  const apart = greater(g, high, low);
  const ratio = div(g, sub(g, among(0), where(g, apart, low, n(0))), where(g, apart, sub(g, high, low), n(1)));
  return where(g, apart, ratio, n(0));
}

/** Unit vectors, or zeros, as float64[users, places, width]. */
function likeness(g: GraphBuilder, embedding: LoweredColumn, rows: LoweredColumn["rows"], what: string) {
  const wide = embedding.width === undefined ? unsqueeze(g, embedding.values, 1) : embedding.values;
  const given = cast(g, wide, "float64");
  const odd = amongTaken(g, or(g, notANumber(g, given), isInf(g, given)), rows, true);
  const exact = guarded(g, given, odd, `${what} has no finite vector for a candidate`);
  const square = reduce(g, "ReduceSum", mul(g, exact, exact), 1, true);
  const some = greater(g, square, scalar(g, "float64", 0));
  const unit = div(g, exact, unary(g, "Sqrt", where(g, some, square, scalar(g, "float64", 1))));
  const shape = g.op("Concat", [grid(g, rows), dim(g, wide, 1)], "int64", { attributes: { axis: { int: 0 } } });
  const vectors = reshape(g, unit, shape);
  const first = unsqueeze(g, mul(g, range(g, rows.parent!.count), rows.width!), 1);
  const cosine = (best: Value): Value => {
    const own = gather(g, unit, flat(g, add(g, best, first)));
    return g.op("Squeeze", [g.op("MatMul", [vectors, unsqueeze(g, own, 2)], "float64"), int64(g, 2)], "float64");
  };
  return { vectors, cosine };
}

/** One user's candidates a row. */
interface Pool {
  /** float64[users, places] in 0 … 1 */
  readonly relevance: Value;
  /** Likeness to one candidate of each user. @param best int64[users, 1] @returns float64[users, places] */
  cosine(best: Value): Value;
  readonly balance: number;
}

/** The state of a method between rounds, by name. */
type Memory = Readonly<Record<string, Value>>;

/** The interface of methods to diversify: a start, and a round that takes one candidate of each user. */
interface Method {
  start(g: GraphBuilder, pool: Pool): Memory;
  /** @param gone bool[users, places]: taken, or not there @returns int64[users, 1] */
  round(g: GraphBuilder, pool: Pool, memory: Memory, gone: Value): { readonly best: Value; readonly memory: Memory };
}
