/**
 * Candidates, scores and embeddings → `topk` of each user that are good and unlike each other. The greedy rounds are written out one after the
 * other, each for all users at once.
 */
import {
  add,
  cast,
  dim,
  div,
  equal,
  flat,
  gather,
  greater,
  guarded,
  int64,
  isInf,
  min,
  mul,
  notANumber,
  or,
  range,
  reduce,
  reshape,
  scalar,
  slice,
  sub,
  unary,
  unsqueeze,
  where,
} from "../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../compiler/onnx/graph-builder.js";
import { amongTaken, grid, type LoweredColumn } from "../shared/onnx/lowered-column.js";
import type { Lowering } from "../shared/onnx/lowering.js";
import { checkedScores, chosenAt } from "../shared/onnx/order-candidates.js";
import { dppRound, dppStart } from "./onnx-dpp.js";
import type { Method, Pool } from "./onnx-method.js";
import { mmrRound, mmrStart } from "./onnx-mmr.js";

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
