/**
 * The request's tensors, in the form of the entry → columns of a graph. A scalar is `[rows, 1]` with a batch dimension and `[rows]` without; a ragged
 * list is the pair `c__values`, `c__offsets`.
 */
import type { AnswerForm } from "../../../contract/answer-form.js";
import { type ColumnSchema, isRagged } from "../../../contract/schema.js";
import { graphDtype, type LoweredColumn, type RowSet } from "../../../operators/shared/onnx/lowered-column.js";
import {
  add,
  cast,
  concat,
  dim,
  expand,
  flat,
  gather,
  int64,
  max,
  min,
  range,
  reduce,
  scalar,
  slice,
  sub,
  unsqueeze,
} from "../../onnx/elementary.js";
import type { GraphBuilder, Value } from "../../onnx/graph-builder.js";

/** Tensors by name, and what they are as a column once the request's rows are known. */
export interface RequestTensors {
  /** int64[1] */
  readonly count: Value;
  column(rows: RowSet): LoweredColumn;
}

/** Declares the tensors of one column as inputs of the graph. */
export function requestTensors(g: GraphBuilder, col: ColumnSchema, form: AnswerForm): RequestTensors {
  const { name, dtype, list } = col;
  if (isRagged(col)) {
    const values = g.input(`${name}__values`, dtype, [`${name} values`]);
    const offsets = cast(g, g.input(`${name}__offsets`, "int32", [`${name} offsets`]), "int64");
    const count = sub(g, dim(g, offsets, 0), int64(g, 1));
    return { count, column: rows => rectangle(g, dtype, cast(g, values, graphDtype(dtype)), offsets, count, rows) };
  }
  const wide = list ?? (form === "batched" ? { min: 1 } : undefined);
  const tensor = g.input(name, dtype, wide ? ["batch", wide.min] : ["batch"]);
  const values = cast(g, tensor, graphDtype(dtype));
  return {
    count: dim(g, tensor, 0),
    column: rows => ({
      dtype,
      rows,
      ...(list ? { values, width: list.min } : { values: wide ? flat(g, values) : values }),
    }),
  };
}

function rectangle(
  g: GraphBuilder,
  dtype: LoweredColumn["dtype"],
  values: Value,
  offsets: Value,
  count: Value,
  rows: RowSet,
): LoweredColumn {
  const starts = slice(g, offsets, int64(g, 0), count, 0);
  const ends = slice(g, offsets, int64(g, 1), add(g, count, int64(g, 1)), 0);
  const lengths = sub(g, ends, starts);
  const longest = reduce(g, "ReduceMax", concat(g, [lengths, int64(g, 1)]), 0, true);
  // One value more than there are: where all lists are empty there is something to point at.
  const blank = expand(g, scalar(g, values.dtype, values.dtype === "string" ? "" : 0), int64(g, 1));
  const some = concat(g, [values, blank]);
  const last = dim(g, values, 0);
  const at = max(g, min(g, add(g, unsqueeze(g, starts, 1), unsqueeze(g, range(g, longest), 0)), last), int64(g, 0));
  return { dtype, rows, values: gather(g, some, at), lengths };
}
