/** Lists → the part of each between `start` and `end`, padded on the right where the plan gives the column one length. */

import {
  add,
  dim,
  expand,
  gatherElements,
  int64,
  less,
  max,
  min,
  range,
  scalar,
  sub,
  unsqueeze,
  where,
} from "../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../compiler/onnx/graph-builder.js";
import { defined } from "../../contract/defined.js";
import { zip } from "../../contract/lists.js";
import type { Step } from "../../contract/plan.js";
import { fixedLength } from "../../contract/schema.js";
import { datatype } from "../../triton-protos/datatype.js";
import { fillFor } from "../fill-missing/onnx.js";
import { graphDtype, type LoweredColumn } from "../shared/onnx/lowered-column.js";
import type { Lowering } from "../shared/onnx/lowering.js";

export const listSlice: Lowering<"listSlice"> = (step, { input }, { g }) =>
  zip(input, step.outputs).map(([col, made]) => sliceColumn(g, col, step, fixedLength(made)));

function sliceColumn(
  g: GraphBuilder,
  col: LoweredColumn,
  { params }: Step<"listSlice">,
  fixed: number | undefined,
): LoweredColumn {
  const [start, end] = params.start > 0 && params.end === undefined ? [0, params.start] : [params.start, params.end];
  const lengths = col.lengths ?? expand(g, int64(g, col.width!), col.rows.count);
  const begin = place(g, start, lengths);
  const stop = end === undefined ? lengths : place(g, end, lengths);
  const taken = max(g, sub(g, stop, begin), int64(g, 0));
  const width = fixed === undefined ? dim(g, col.values, 1) : int64(g, fixed);
  const steps = unsqueeze(g, range(g, fixed ?? width), 0);
  // Values beyond a list's end are arbitrary; the index only has to be valid.
  const last = sub(g, dim(g, col.values, 1), int64(g, 1));
  const at = max(g, min(g, add(g, unsqueeze(g, begin, 1), steps), last), int64(g, 0));
  const values = gatherElements(g, col.values, at);
  const valid = col.valid && gatherElements(g, col.valid, at);
  const shape = { dtype: col.dtype, rows: col.rows };
  if (fixed === undefined)
    return { ...shape, values, lengths: taken, ...defined({ valid, listValid: col.listValid, domain: col.domain }) };
  const inside = less(g, steps, unsqueeze(g, taken, 1));
  const { kind } = datatype(col.dtype);
  const pad = fillFor(col.dtype, params.padValue ?? (kind === "string" ? "" : kind === "bool" ? false : 0));
  const dtype = graphDtype(col.dtype);
  return {
    ...shape,
    width: fixed,
    values: where(g, inside, values, scalar(g, dtype, dtype === "bool" ? Number(pad) : pad)),
    ...(valid && { valid: where(g, inside, valid, scalar(g, "bool", true)) }),
    ...(col.domain && { domain: new Set([...col.domain, pad as string]) }),
  };
}

/** As Python reads a slice's end. */
function place(g: GraphBuilder, at: number, lengths: Value): Value {
  if (at < 0) return max(g, add(g, lengths, int64(g, at)), int64(g, 0));
  return min(g, lengths, int64(g, at));
}
