/**
 * How rows of one set belong to rows of another: child rows → index of their ancestor row, and ancestor row → run of child rows.
 */
import { int32s } from "./short-arrays.js";
import type { Rows } from "./table.js";

/**
 * For each row, the index of the row of `ancestor` it was made from.
 * @returns undefined when `ancestor` is not among the row's ancestors
 */
export function ancestorIndex(rows: Rows, ancestor: Rows): Int32Array | undefined {
  const offsets = runsOf(rows, ancestor);
  if (!offsets) return undefined;
  const index = int32s(rows.count);
  for (let i = 0; i < ancestor.count; i++) index.fill(i, offsets[i]!, offsets[i + 1]!);
  return index;
}

/**
 * Offsets of the runs of `rows` that belong to each row of `ancestor`; for equal sets one row each.
 * @returns undefined when `ancestor` is not among the row's ancestors
 */
export function runsOf(rows: Rows, ancestor: Rows): Int32Array | undefined {
  if (rows === ancestor) return Int32Array.from({ length: rows.count + 1 }, (_, i) => i);
  if (!rows.parent) return undefined;
  const { offsets } = rows;
  if (rows.parent === ancestor) return offsets;
  return runsOf(rows.parent, ancestor)?.map(at => offsets![at]!);
}
