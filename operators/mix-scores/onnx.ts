/** Scores of candidates → Σ weight · scaled score, float32; each scale is taken among one user's candidates. */
import {
  add,
  and,
  cast,
  dim,
  div,
  flat,
  greater,
  guarded,
  int64,
  mul,
  notANumber,
  reduce,
  reshape,
  scalar,
  sub,
  unary,
  unsqueeze,
  where,
} from "../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../compiler/onnx/graph-builder.js";
import { zip } from "../../contract/lists.js";
import { amongTaken, asGrid, toFloat64 } from "../shared/onnx/lowered-column.js";
import type { Lowering } from "../shared/onnx/lowering.js";

/** @param scores float64[users, places] @param taken bool of that shape; absent: all */
type Scale = (g: GraphBuilder, scores: Value, taken: Value | undefined) => Value;

export const mixScores: Lowering<"mixScores"> = (step, { input }, { g }) => {
  const { weights, scale } = step.params;
  const [{ rows }] = input;
  const parts = zip(input, step.inputs.input).map(([col, { name }]) => {
    const floats = toFloat64(g, col);
    const reason = `step ${step.label} (mixScores): column ${name} has no finite score for a candidate`;
    // Infinite values are undefined on these scales: the difference to themselves is NaN.
    const measured = scale === "minMax" || scale === "standard" ? sub(g, floats, floats) : floats;
    const checked = guarded(g, floats, amongTaken(g, notANumber(g, measured), rows, false), reason);
    // Without candidates all rows are taken together.
    const wide = rows.parent ? asGrid(g, checked, rows) : reshape(g, checked, int64(g, 1, -1));
    return mul(g, scalar(g, "float64", weights[name]!), SCALES[scale](g, wide, rows.mask));
  });
  const sum = flat(
    g,
    parts.reduce((a, b) => add(g, a, b)),
  );
  const reason = `step ${step.label} (mixScores): infinite scores of a candidate sum to no number`;
  const checked = guarded(g, sum, amongTaken(g, notANumber(g, sum), rows, false), reason);
  return [{ dtype: "float32", rows, values: cast(g, checked, "float32") }];
};

const n = (g: GraphBuilder, x: number): Value => scalar(g, "float64", x);
const among = (g: GraphBuilder, scores: Value, taken: Value | undefined, otherwise: number): Value =>
  taken ? where(g, taken, scores, n(g, otherwise)) : scores;
const count = (g: GraphBuilder, scores: Value, taken: Value | undefined): Value =>
  taken ? reduce(g, "ReduceSum", cast(g, taken, "float64"), 1, true) : cast(g, dim(g, scores, 1), "float64");
/** 0 where the divisor is none. */
const ratio = (g: GraphBuilder, a: Value, b: Value): Value => {
  const some = greater(g, b, n(g, 0));
  return where(g, some, div(g, a, where(g, some, b, n(g, 1))), n(g, 0));
};

const SCALES: Readonly<Record<"none" | "minMax" | "standard" | "rank", Scale>> = {
  none: (_, scores) => scores,
  minMax: (g, scores, taken) => {
    const low = reduce(g, "ReduceMin", among(g, scores, taken, Number.POSITIVE_INFINITY), 1, true);
    const high = reduce(g, "ReduceMax", among(g, scores, taken, Number.NEGATIVE_INFINITY), 1, true);
    return ratio(g, sub(g, scores, low), sub(g, high, low));
  },
  standard: (g, scores, taken) => {
    const size = count(g, scores, taken);
    const mean = ratio(g, reduce(g, "ReduceSum", among(g, scores, taken, 0), 1, true), size);
    const off = sub(g, scores, mean);
    const squares = among(g, mul(g, off, off), taken, 0);
    return ratio(g, off, unary(g, "Sqrt", ratio(g, reduce(g, "ReduceSum", squares, 1, true), size)));
  },
  // A score's place is how many are better: equal ones share it.
  rank: (g, scores, taken) => {
    const better = greater(g, unsqueeze(g, scores, 1), unsqueeze(g, scores, 2));
    const counted = taken ? and(g, better, unsqueeze(g, taken, 1)) : better;
    const place = reduce(g, "ReduceSum", cast(g, counted, "float64"), 2);
    const others = sub(g, count(g, scores, taken), n(g, 1));
    return sub(g, n(g, 1), ratio(g, place, others));
  },
};
