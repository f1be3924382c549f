/** One list per row → its items as candidates of that row; nulls are left out. */

import { concat, dim, flat, int64, max, scalar, sub } from "../onnx/elementary.js";
import type { GraphBuilder, Value } from "../onnx/graph-builder.js";
import { atLeastOne, childRows, type LoweredColumn, presentItems } from "./lowered-column.js";
import type { Lowering } from "./lowering.js";

export const explode: Lowering<"explode"> = (step, { input = [] }, { g }) => {
  const [list] = input;
  // A matrix without columns has no places; graphs want at least one row to work on.
  const width = atLeastOne(g, dim(g, list!.values, 1));
  const lacking = max(g, sub(g, int64(g, 1), dim(g, list!.values, 1)), int64(g, 0));
  const present = presentItems(g, list!);
  const rows = childRows(g, step.id, list!.rows, width, {
    mask: present && widen(g, present, lacking),
  });
  const made: LoweredColumn = {
    dtype: list!.dtype,
    rows,
    values: flat(g, widen(g, list!.values, lacking)),
    ...(list!.domain && { domain: new Set([...list!.domain, ""]) }),
  };
  return [made];
};

/** Columns of nothing on the right. */
function widen(g: GraphBuilder, matrix: Value, by: Value): Value {
  const nothing = scalar(g, matrix.dtype, matrix.dtype === "string" ? "" : 0);
  const shape = concat(g, [dim(g, matrix, 0), by]);
  return concat(g, [matrix, g.op("Expand", [nothing, shape], matrix.dtype)], 1);
}
