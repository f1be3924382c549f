/** Rows and a flag for each → the rows whose flag is set. Candidates remain candidates of their own users; rows of a table become child rows of it. */
import { childRows, type Rows } from "../../base/columns/table.js";

export interface FilteredRows {
  /** Index of each row that stays. */
  readonly kept: Int32Array;
  readonly rows: Rows;
}

/** @param keep 1 for a row that stays */
export function filterRows(rows: Rows, keep: Uint8Array): FilteredRows {
  const before = new Int32Array(rows.count + 1);
  for (let i = 0; i < rows.count; i++) before[i + 1] = before[i]! + (keep[i] === 1 ? 1 : 0);
  const kept = new Int32Array(before[rows.count]!);
  for (let i = 0; i < rows.count; i++) if (keep[i] === 1) kept[before[i]!] = i;
  if (!rows.parent || !rows.offsets) return { kept, rows: { ...childRows(rows, before), left: true } };
  const offsets = rows.offsets.map(at => before[at]!);
  return { kept, rows: { ...childRows(rows.parent, offsets), ...(rows.left && { left: true }) } };
}
