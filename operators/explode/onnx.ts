/** One list per row, and lists beside it → their items as candidates of that row; nulls of the first are left out. */

import {
  concat,
  dim,
  equal,
  expand,
  flat,
  guarded,
  int64,
  max,
  not,
  scalar,
  slice,
  sub,
} from "../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../compiler/onnx/graph-builder.js";
import { amongTaken, atLeastOne, childRows, type LoweredColumn, presentItems } from "../shared/onnx/lowered-column.js";
import type { Lowering } from "../shared/onnx/lowering.js";

export const explode: Lowering<"explode"> = (step, { input, with: beside = [] }, { g }) => {
  const given = input[0];
  const names = [...step.inputs.input, ...(step.inputs.with ?? [])].map(ref => ref.name);
  let { values } = given;
  for (const [i, other] of beside.entries()) {
    const reason = `step ${step.label} (explode): column ${names[i + 1]} has not as many values as ${names[0]}`;
    values = withEqualLengths(g, { ...given, values }, other, reason);
  }
  const list = { ...given, values };
  // A matrix without columns has no positions; graphs need at least one row.
  const width = atLeastOne(g, dim(g, list.values, 1));
  const lacking = max(g, sub(g, int64(g, 1), dim(g, list.values, 1)), int64(g, 0));
  const present = presentItems(g, list);
  const rows = childRows(g, step.id, list.rows, width, {
    mask: present && widen(g, present, lacking),
  });
  const made = (col: LoweredColumn, of: (matrix: Value) => Value, valid: boolean): LoweredColumn => ({
    dtype: col.dtype,
    rows,
    values: flat(g, of(col.values)),
    ...(valid && col.valid && { valid: flat(g, of(col.valid)) }),
    ...(col.domain && { domain: new Set([...col.domain, ""]) }),
  });
  const fitted = (matrix: Value) => resized(g, matrix, width);
  return [made(list, matrix => widen(g, matrix, lacking), false), ...beside.map(col => made(col, fitted, true))];
};

/** The values of a list column, where another has as many in each row that is there. */
function withEqualLengths(g: GraphBuilder, list: LoweredColumn, other: LoweredColumn, reason: string): Value {
  const differs = not(g, equal(g, lengthsOf(g, list), lengthsOf(g, other)));
  return guarded(g, list.values, amongTaken(g, differs, list.rows, false), reason);
}

/** int64[n] */
const lengthsOf = (g: GraphBuilder, { lengths, values }: LoweredColumn): Value =>
  lengths ?? expand(g, dim(g, values, 1), dim(g, values, 0));

/** A matrix with this number of columns: padded on the right, or cut. */
function resized(g: GraphBuilder, matrix: Value, width: Value): Value {
  const wide = widen(g, matrix, max(g, sub(g, width, dim(g, matrix, 1)), int64(g, 0)));
  return slice(g, wide, int64(g, 0), width, 1);
}

/** Columns of nothing on the right. */
function widen(g: GraphBuilder, matrix: Value, by: Value): Value {
  const nothing = scalar(g, matrix.dtype, matrix.dtype === "string" ? "" : 0);
  const shape = concat(g, [dim(g, matrix, 0), by]);
  return concat(g, [matrix, g.op("Expand", [nothing, shape], matrix.dtype)], 1);
}
