/** A fitted table's column and places in it → a column of a graph; −1 is null, or a value of its own. */

import { and, gather, greaterOrEqual, int64, max, scalar, where } from "../../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../../compiler/onnx/graph-builder.js";
import type { ArrowColumn } from "../../../formats/arrow/arrow-columns.js";
import { graphDtype, isFloat, type LoweredColumn, type RowSet } from "./lowered-column.js";

/**
 * @param places int64[n], −1 where there is none
 * @param none what −1 becomes; null unless given
 */
export function tableLookup(
  g: GraphBuilder,
  col: ArrowColumn,
  places: Value,
  rows: RowSet,
  none?: number | bigint,
): LoweredColumn {
  const { dtype, validity } = col;
  const kind = graphDtype(dtype);
  const known = greaterOrEqual(g, places, int64(g, 0));
  const at = max(g, places, int64(g, 0));
  const count = col.values.length;
  const source = count > 0 ? col.values : kind === "string" ? [""] : [0];
  const table = g.constant(kind, [Math.max(1, count)], graphValues(source, kind));
  const picked = gather(g, table, at);
  const head = { dtype, rows };
  if (none !== undefined) return { ...head, values: where(g, known, picked, scalar(g, kind, none)) };
  if (isFloat(col)) {
    const there = validity ? and(g, known, gather(g, g.constant("bool", [validity.length], validity), at)) : known;
    return { ...head, values: where(g, there, picked, scalar(g, kind, Number.NaN)) };
  }
  const valid = validity ? and(g, known, gather(g, g.constant("bool", [validity.length], validity), at)) : known;
  const domain = dtype === "string" && { domain: new Set(source as readonly string[]) };
  return { ...head, values: picked, valid, ...domain };
}

/** Integers as int64; the rest as they are. */
export function graphValues(values: ArrowColumn["values"] | readonly number[], kind: string): ArrowColumn["values"] {
  if (kind !== "int64" || values instanceof BigInt64Array) return values as ArrowColumn["values"];
  return BigInt64Array.from(Array.from(values as ArrayLike<number | bigint>, x => BigInt.asIntN(64, BigInt(x))));
}
