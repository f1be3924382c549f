/** Candidates, scores and groups → the best of each user with at most `max` of a group: those that fewer than `max` of their group precede. */
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
  unsqueeze,
} from "../onnx/elementary.js";
import type { Value } from "../onnx/graph-builder.js";
import { asGrid, isFloat, nulls } from "./lowered-column.js";
import { KEEP, type Lowering } from "./lowering.js";
import { checkedScores, orderCandidates } from "./order-candidates.js";

export const limitPerGroup: Lowering<"limitPerGroup"> = (step, inputs, context) => {
  const { g } = context;
  const { topk, max, atLeast } = step.params;
  if (Object.keys(atLeast).length > 0)
    context.fail(
      "`atLeast` keeps places for groups while it goes through the candidates one by one, which a graph can not",
      `Leave \`atLeast\` out, or ${KEEP}.`,
    );
  const ids = inputs.input![0]!;
  const group = inputs.group![0]!;
  const scores = checkedScores(g, step, ids, inputs.relevance![0]!, step.inputs.relevance![0]!.name);
  if (max === undefined) return orderCandidates(g, step, inputs, scores, topk);
  const { rows } = ids;
  const groups = asGrid(g, group.values, rows);
  // A float that is not a number is a group of its own.
  const missing = isFloat(group) ? undefined : nulls(g, group);
  // [users, candidate, other]
  const pair = (values: Value) => [unsqueeze(g, values, 2), unsqueeze(g, values, 1)] as const;
  const alike = equal(g, ...pair(groups));
  const together = isFloat(group) ? or(g, alike, and(g, ...pair(notANumber(g, groups)))) : alike;
  const [own, other] = [unsqueeze(g, scores, 2), unsqueeze(g, scores, 1)];
  const places = range(g, rows.width!);
  const earlier = less(g, unsqueeze(g, places, 0), unsqueeze(g, places, 1));
  const precedes = or(g, greater(g, other, own), and(g, equal(g, other, own), earlier));
  const counted = and(g, together, precedes);
  const taken = rows.mask ? and(g, counted, unsqueeze(g, rows.mask, 1)) : counted;
  const known = missing ? and(g, taken, unsqueeze(g, not(g, asGrid(g, missing, rows)), 1)) : taken;
  const before = reduce(g, "ReduceSum", cast(g, known, "int64"), 2);
  const within = less(g, before, int64(g, max));
  // What belongs to no group has no cap.
  const allowed = missing ? or(g, within, asGrid(g, missing, rows)) : within;
  return orderCandidates(g, step, inputs, scores, topk, allowed);
};
