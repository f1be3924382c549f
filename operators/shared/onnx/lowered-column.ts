/**
 * The form of a column in an ONNX graph. Scalars are `[n]`, vectors `[n, width]`, ragged lists `[n, longest]` with their lengths. Integers
 * of every width are int64 (uint64 as its bits) and get their dtype back where they leave. Candidates are rectangular: each parent row has
 * the same number of places, and a mask says which of them are taken.
 */

import {
  and,
  any,
  cast,
  dim,
  div,
  expand,
  flat,
  gather,
  greater,
  int64,
  less,
  mul,
  not,
  notANumber,
  or,
  range,
  reshape,
  scalar,
  unsqueeze,
  where,
} from "../../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../../compiler/onnx/graph-builder.js";
import { defined } from "../../../contract/defined.js";
import { type DType, datatype } from "../../../triton-protos/datatype.js";

/** Rows of the request, or places of candidates: `width` for each row of the parent. */
export interface RowSet {
  readonly id: string;
  readonly parent?: RowSet;
  /** int64[1]; of the request there is none. */
  readonly width?: Value;
  /** bool[parent rows, width]: which places are taken; absent where all are. */
  readonly mask?: Value;
  /** The occupied positions are first. */
  readonly packed?: boolean;
  /** int64[1] */
  readonly count: Value;
}

export interface LoweredColumn {
  /** The column's own. */
  readonly dtype: DType;
  /** Values of dtype `graphDtype(dtype)`. */
  readonly values: Value;
  readonly rows: RowSet;
  /** bool in the shape of the values: false is null. Absent: nothing is null. Floats say NaN instead. */
  readonly valid?: Value;
  /** bool[n]: false is a list that is null. Absent: no list is. */
  readonly listValid?: Value;
  /** int64[n]: ragged lists; values after a list's end are arbitrary. */
  readonly lengths?: Value;
  /** Vectors. */
  readonly width?: number;
  /** Every text that the column can hold; absent where it can be any. */
  readonly domain?: ReadonlySet<string>;
}

export const graphDtype = (dtype: DType): DType => {
  const { kind } = datatype(dtype);
  return kind === "int" || kind === "uint" ? "int64" : dtype;
};

export const isFloat = ({ dtype }: Pick<LoweredColumn, "dtype">): boolean => datatype(dtype).kind === "float";

/** A column of the same rows and shape. */
export const withValues = (col: LoweredColumn, dtype: DType, values: Value, valid?: Value): LoweredColumn => ({
  dtype,
  values,
  rows: col.rows,
  ...defined({ valid, listValid: col.listValid, lengths: col.lengths, width: col.width }),
});

/** bool in the shape of the values; undefined where nothing is null. */
export function nulls(g: GraphBuilder, col: LoweredColumn): Value | undefined {
  if (isFloat(col)) return notANumber(g, col.values);
  return col.valid && not(g, col.valid);
}

/** Numbers as float64, nulls as NaN. */
export function toFloat64(g: GraphBuilder, col: LoweredColumn): Value {
  const exact = col.dtype === "uint64" ? cast(g, col.values, "uint64") : col.values;
  const floats = cast(g, exact, "float64");
  return col.valid ? where(g, col.valid, floats, scalar(g, "float64", Number.NaN)) : floats;
}

/** Shape `[n]`, or `[n, w]` for lists, of one column's values. */
export const isList = ({ lengths, width }: LoweredColumn): boolean => lengths !== undefined || width !== undefined;

/** bool[n, longest]: which places of a ragged list are items. */
export function items(g: GraphBuilder, { lengths, values }: LoweredColumn): Value {
  return less(g, unsqueeze(g, range(g, dim(g, values, 1)), 0), unsqueeze(g, lengths!, 1));
}

/** Items of a list column that are there and not null; undefined where that is all of them. */
export function presentItems(g: GraphBuilder, col: LoweredColumn): Value | undefined {
  const present = col.lengths && items(g, col);
  const known = isFloat(col) ? not(g, notANumber(g, col.values)) : col.valid;
  return present && known ? and(g, present, known) : (present ?? known);
}

/** Picks rows of a column. @param at int64[m] */
export function gatherRows(g: GraphBuilder, col: LoweredColumn, at: Value, rows: RowSet): LoweredColumn {
  return {
    ...col,
    rows,
    values: gather(g, col.values, at),
    ...(col.valid && { valid: gather(g, col.valid, at) }),
    ...(col.listValid && { listValid: gather(g, col.listValid, at) }),
    ...(col.lengths && { lengths: gather(g, col.lengths, at) }),
  };
}

/** bool[n]: which rows are there; undefined where all are. */
export const takenRows = (g: GraphBuilder, rows: RowSet): Value | undefined => rows.mask && flat(g, rows.mask);

/** Places for candidates under each row. @param mask bool[parent rows, width] @returns rows whose places under absent rows are absent */
export function childRows(
  g: GraphBuilder,
  id: string,
  parent: RowSet,
  width: Value,
  { mask, packed = false }: { readonly mask?: Value | undefined; readonly packed?: boolean } = {},
): RowSet {
  const above = takenRows(g, parent);
  const whole = above && unsqueeze(g, above, 1);
  const both = mask && whole ? and(g, mask, whole) : (mask ?? (whole && expand(g, whole, gridShape(g, parent, width))));
  return { id, parent, width, ...(both && { mask: both }), packed, count: mul(g, parent.count, width) };
}

const gridShape = (g: GraphBuilder, parent: RowSet, width: Value): Value =>
  g.op("Concat", [parent.count, width], "int64", { attributes: { axis: { int: 0 } } });

/** [parent rows, width] of a set of candidates. */
export const grid = (g: GraphBuilder, { parent, width }: RowSet): Value => gridShape(g, parent!, width!);

/** A scalar column's values as [parent rows, width]. */
export const asGrid = (g: GraphBuilder, values: Value, rows: RowSet): Value => reshape(g, values, grid(g, rows));

/** int64[n]: for each row the row of an ancestor it belongs to; undefined when it is none. */
export function ancestorIndex(g: GraphBuilder, rows: RowSet, ancestor: RowSet): Value | undefined {
  if (rows.id === ancestor.id) return range(g, rows.count);
  if (!rows.parent) return undefined;
  const own = div(g, range(g, rows.count), rows.width!);
  if (rows.parent.id === ancestor.id) return own;
  const above = ancestorIndex(g, rows.parent, ancestor);
  return above && gather(g, above, own);
}

/** The same places with fewer of them taken. @param keep bool[n] */
export function narrowRows(g: GraphBuilder, id: string, rows: RowSet, keep: Value): RowSet {
  const kept = asGrid(g, keep, rows);
  return { ...rows, id, mask: rows.mask ? and(g, rows.mask, kept) : kept, packed: false };
}

/** A flag over rows that are there. @param bad bool[n] or bool[n, w] */
export function amongTaken(g: GraphBuilder, bad: Value, rows: RowSet, list: boolean): Value {
  const taken = takenRows(g, rows);
  const rowwise = list ? any(g, bad, 1) : bad;
  return taken ? and(g, rowwise, taken) : rowwise;
}

export const atLeastOne = (g: GraphBuilder, n: Value): Value => where(g, greater(g, n, int64(g, 0)), n, int64(g, 1));
export { or };
