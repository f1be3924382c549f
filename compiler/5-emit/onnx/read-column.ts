/** Inputs of a graph → a column. Lists are `c__values` and `c__offsets` outside and rectangles inside. */
import type { ColumnTensor, Part } from "../../../contract/column-tensors.js";
import type { ColumnSchema } from "../../../contract/schema.js";
import { graphDtype, type LoweredColumn, type RowSet } from "../../../operators/shared/onnx/lowered-column.js";
import {
  add,
  cast,
  concat,
  dim,
  equal,
  expand,
  flat,
  gather,
  guarded,
  int64,
  less,
  min,
  not,
  range,
  reduce,
  scalar,
  slice,
  sub,
  unsqueeze,
} from "../../onnx/elementary.js";
import type { GraphBuilder, Value } from "../../onnx/graph-builder.js";

/** A column once its rows are known. */
export interface ColumnRead {
  /** Rows that its tensors have: int64[1] */
  readonly count: Value;
  column(rows: RowSet): LoweredColumn;
}

/**
 * @param tensors of the column, as the contract lists them
 * @param declare makes a tensor an input of the graph
 */
export function readColumn(
  g: GraphBuilder,
  { name, dtype, list }: Pick<ColumnSchema, "name" | "dtype" | "list">,
  tensors: readonly ColumnTensor[],
  declare: (tensor: ColumnTensor) => Value,
): ColumnRead {
  const part = (wanted: Part): Value | undefined => {
    const found = tensors.find(one => one.part === wanted);
    return found && declare(found);
  };
  const given = part("values")!;
  const offsets = part("offsets");
  if (offsets) {
    const wide = cast(g, offsets, "int64");
    const count = sub(g, dim(g, wide, 0), int64(g, 1));
    const valid = part("validity");
    return {
      count,
      column: rows => {
        const { lengths, at, items } = rectangle(g, name, cast(g, given, graphDtype(dtype)), wide);
        const head = { dtype, rows, values: gather(g, items, at), lengths };
        if (!valid) return head;
        return list?.nulls ? { ...head, listValid: valid } : { ...head, valid: gather(g, withBlank(g, valid), at) };
      },
    };
  }
  const values = cast(g, given, graphDtype(dtype));
  const valid = part("validity");
  const isMatrix = tensors[0]!.dims.length === 2;
  return {
    count: dim(g, given, 0),
    column: rows => ({
      dtype,
      rows,
      ...(list ? { values, width: list.min } : { values: isMatrix ? flat(g, values) : values }),
      ...(valid && { valid }),
    }),
  };
}

/** Appends one value, so that indices are in range when all lists are empty. */
function withBlank(g: GraphBuilder, values: Value): Value {
  const fill = values.dtype === "string" ? "" : values.dtype === "bool" ? false : 0;
  return concat(g, [values, expand(g, scalar(g, values.dtype, fill), int64(g, 1))]);
}

/**
 * Lists as rows of a rectangle that is as wide as the longest. Ends the request if offsets do not fit the values: a few bytes of them could describe a
 * list of 2^31 items.
 * @returns lengths int64[n], and for each place the item that is there: int64[n, longest]
 */
function rectangle(
  g: GraphBuilder,
  name: string,
  values: Value,
  offsets: Value,
): Record<"lengths" | "at" | "items", Value> {
  const [first, second] = [int64(g, 0), int64(g, 1)];
  const end = dim(g, offsets, 0);
  const count = sub(g, end, second);
  const starts = slice(g, offsets, first, count, 0);
  const ends = slice(g, offsets, second, end, 0);
  const last = dim(g, values, 0);
  const outer = concat(g, [slice(g, offsets, first, second, 0), slice(g, offsets, count, end, 0)]);
  const misfit = not(g, equal(g, outer, concat(g, [first, last])));
  const lengths = guarded(
    g,
    sub(g, ends, starts),
    concat(g, [less(g, ends, starts), misfit]),
    `lists of ${name}: offsets start at 0, never fall, and end at the number of values`,
  );
  const longest = reduce(g, "ReduceMax", concat(g, [lengths, second]), 0, true);
  const at = add(g, unsqueeze(g, starts, 1), unsqueeze(g, range(g, longest), 0));
  return { lengths, at: min(g, at, last), items: withBlank(g, values) };
}
