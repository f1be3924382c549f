/**
 * Candidates, scores and groups → the best of each user with at most `max` of a group, and with places kept for some groups. The kernel
 * takes candidates from the best down. Counts decide here: the first `atLeast` candidates of a group are taken. Another one is taken if
 * fewer than `max` of its group precede it and there is room.
 */

import {
  and,
  cast,
  equal,
  greater,
  int64,
  less,
  not,
  notANumber,
  or,
  range,
  reduce,
  scalar,
  sub,
  unsqueeze,
  where,
} from "../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../compiler/onnx/graph-builder.js";
import type { DType } from "../../triton-protos/datatype.js";
import { asGrid, isFloat, nulls } from "../shared/onnx/lowered-column.js";
import type { Lowering } from "../shared/onnx/lowering.js";
import { checkedScores, orderCandidates } from "../shared/onnx/order-candidates.js";

export const limitPerGroup: Lowering<"limitPerGroup"> = (step, inputs, { g }) => {
  const { topk, max, atLeast } = step.params;
  const ids = inputs.input[0];
  const group = inputs.group[0];
  const { rows } = ids;
  const scores = checkedScores(g, step, ids, inputs.relevance[0], step.inputs.relevance[0].name);
  const quotas = Object.entries(atLeast);
  if (max === undefined && quotas.length === 0) return orderCandidates(g, step, inputs, scores, topk);
  const groups = asGrid(g, group.values, rows);
  // A float that is no number is null, as in the kernel.
  const missing = isFloat(group) ? notANumber(g, group.values) : nulls(g, group);
  const ungrouped = missing && asGrid(g, missing, rows);
  // [users, candidate, other]
  const precedes = orderPairs(g, scores, range(g, rows.width!));
  const preceding = (others: Value | undefined, pairs: Value = precedes): Value => {
    const counted = others ? and(g, pairs, unsqueeze(g, others, 1)) : pairs;
    return reduce(g, "ReduceSum", cast(g, counted, "int64"), 2);
  };
  const known = ungrouped ? not(g, ungrouped) : undefined;
  const members = rows.mask && known ? and(g, rows.mask, known) : (rows.mask ?? known);
  const before = preceding(members, and(g, equal(g, ...pair(g, groups)), precedes));
  const within = max === undefined ? undefined : less(g, before, int64(g, max));
  // Candidates without a group have no cap.
  const open = within && ungrouped ? or(g, within, ungrouped) : within;
  if (quotas.length === 0) return orderCandidates(g, step, inputs, scores, topk, open);
  const quota = quotaOf(g, groups, group.dtype, quotas);
  const first = less(g, before, quota);
  const owed = known ? and(g, first, known) : first;
  const taken = rows.mask ? and(g, owed, rows.mask) : owed;
  const left = sub(g, int64(g, topk), reduce(g, "ReduceSum", cast(g, taken, "int64"), 1, true));
  const others = open ? and(g, not(g, owed), open) : not(g, owed);
  const free = rows.mask ? and(g, others, rows.mask) : others;
  return orderCandidates(g, step, inputs, scores, topk, or(g, owed, and(g, free, less(g, preceding(free), left))));
};

/** The order of candidates: by score, equal ones in their order. */
function orderPairs(g: GraphBuilder, scores: Value, places: Value): Value {
  const [own, other] = pair(g, scores);
  const earlier = less(g, unsqueeze(g, places, 0), unsqueeze(g, places, 1));
  return or(g, greater(g, other, own), and(g, equal(g, other, own), earlier));
}

const pair = (g: GraphBuilder, values: Value) => [unsqueeze(g, values, 2), unsqueeze(g, values, 1)] as const;

/** int64[users, places]: how many of its group are taken first. A group is called as the kernel writes its value. */
const quotaOf = (
  g: GraphBuilder,
  groups: Value,
  dtype: DType,
  quotas: readonly (readonly [name: string, count: number])[],
): Value =>
  quotas.reduce<Value>(
    (sum, [name, count]) => {
      const is = isGroup(g, groups, dtype, name);
      return is ? where(g, is, int64(g, count), sum) : sum;
    },
    int64(g, 0),
  );

/** Undefined for a text that no value of the dtype is written as. */
function isGroup(g: GraphBuilder, groups: Value, dtype: DType, name: string): Value | undefined {
  if (dtype === "string") return equal(g, groups, scalar(g, "string", name));
  if (dtype === "bool") return name === "true" ? groups : name === "false" ? not(g, groups) : undefined;
  if (!isFloat({ dtype }))
    return /^(0|-?[1-9]\d*)$/.test(name)
      ? equal(g, groups, scalar(g, "int64", BigInt.asIntN(64, BigInt(name))))
      : undefined;
  if (`${Number(name)}` !== name) return undefined;
  return name === "NaN" ? undefined : equal(g, groups, scalar(g, groups.dtype, Number(name)));
}
