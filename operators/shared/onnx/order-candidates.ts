/**
 * Candidates with keys → the largest of each user, best first: `TopK` over the places, those that are not taken last. The shared part of
 * all ordering operators.
 */

import {
  add,
  and,
  cast,
  flat,
  guarded,
  int64,
  less,
  max,
  min,
  mul,
  notANumber,
  range,
  reduce,
  scalar,
  topK,
  unsqueeze,
  where,
} from "../../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../../compiler/onnx/graph-builder.js";
import type { AnyStep } from "../../../contract/plan.js";
import { amongTaken, asGrid, childRows, gatherRows, isFloat, type LoweredColumn, toFloat64 } from "./lowered-column.js";
import type { LoweredInputs } from "./lowering.js";

/** Scores as [users, places] float64. A candidate without one ends the request. */
export function checkedScores(
  g: GraphBuilder,
  step: AnyStep,
  ids: LoweredColumn,
  scores: LoweredColumn,
  name: string,
): Value {
  const floats = toFloat64(g, scores);
  const nullable = isFloat(scores) || scores.valid !== undefined;
  const reason = `step ${step.label} (${step.op}): column ${name} has no score for a candidate`;
  const checked = nullable ? guarded(g, floats, amongTaken(g, notANumber(g, floats), ids.rows, false), reason) : floats;
  return asGrid(g, checked, ids.rows);
}

/** The chosen candidates as columns, and the graph's values that they are made of. */
export interface Ordered {
  readonly columns: readonly LoweredColumn[];
  /** float64[users, places]: the keys; those of empty places are −∞, and of candidates at least −1.8e308. */
  readonly ranked: Value;
  /** bool[users, places]: which places may be chosen; absent: all. */
  readonly open: Value | undefined;
  /** int64[1]: positions of each user. */
  readonly k: Value;
}

/**
 * @param keys float64[users, places]: what is compared
 * @param allowed bool[users, places]: candidates that may be chosen; all of them unless given
 */
export const orderCandidates = (...args: Parameters<typeof ordered>): readonly LoweredColumn[] =>
  ordered(...args).columns;

/** As {@link orderCandidates}, for operators that go on from the order. */
export function ordered(
  g: GraphBuilder,
  step: AnyStep,
  { input, relevance }: LoweredInputs<"topK">,
  keys: Value,
  most: number,
  allowed?: Value,
): Ordered {
  const [ids] = input;
  const { rows } = ids;
  const { width } = rows;
  const open = rows.mask && allowed ? and(g, rows.mask, allowed) : (rows.mask ?? allowed);
  // Even the worst key of a candidate is better than an empty place.
  const worst = scalar(g, "float64", -Number.MAX_VALUE);
  const ranked = open ? where(g, open, max(g, keys, worst), scalar(g, "float64", Number.NEGATIVE_INFINITY)) : keys;
  const k = min(g, width!, int64(g, most));
  return { columns: chosenAt(g, step, { input, relevance }, topK(g, ranked, k).at, k, open), ranked, open, k };
}

/**
 * @param at int64[users, k]: places of the chosen, those that count first
 * @param k int64[1]
 * @param open bool[users, places]: what could be chosen; absent: all
 */
export function chosenAt(
  g: GraphBuilder,
  step: AnyStep,
  { input, relevance }: LoweredInputs<"topK">,
  at: Value,
  k: Value,
  open: Value | undefined,
): LoweredColumn[] {
  const [ids] = input;
  const { parent, width } = ids.rows;
  const first = unsqueeze(g, mul(g, range(g, parent!.count), width!), 1);
  const places = flat(g, add(g, at, first));
  const count = open && reduce(g, "ReduceSum", cast(g, open, "int64"), 1, true);
  const mask = count && less(g, unsqueeze(g, range(g, k), 0), count);
  const chosen = childRows(g, step.id, parent!, k, { mask, packed: true });
  return [ids, relevance[0]].map(col => gatherRows(g, col, places, chosen));
}
