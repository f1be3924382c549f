/** Two values of one cell → whether they differ; and counts of the cells of a column that do. */
import type { Cell, CellValue } from "../../engine/golden/cells.js";

/** One cell that differs. */
export interface Difference {
  readonly request: string;
  readonly row: number;
  readonly item: string;
  readonly logged: Cell;
  readonly expected: Cell;
}

export interface ColumnDrift {
  /** Name in the log. */
  readonly column: string;
  /** Label and operator of the step that makes it. */
  readonly step: string;
  readonly op: string;
  /** How the expected values are known. */
  readonly by: "recomputed" | "history";
  /** Values that were compared. */
  readonly compared: number;
  readonly drifted: number;
  /** Largest difference of numbers that differ. */
  readonly largest?: number;
  /** The first one, by time. */
  readonly first?: Difference;
}

/** Absolute difference of floats that is always accepted. */
export const LEAST = 1e-7;

/** Relative difference of floats that is accepted: graphs add in other orders for batches of other sizes. */
export const TOLERANCE = 1e-5;

const isEmpty = (cell: Cell): boolean => Array.isArray(cell) && cell.length === 0;

export function isSame(a: Cell, b: Cell, isFloat: boolean, tolerance: number): boolean {
  // A log of an earlier server has a null list as an empty one.
  if ((a === null && isEmpty(b)) || (b === null && isEmpty(a))) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((one: CellValue, i) => isSame(one, b[i] as CellValue, isFloat, tolerance));
  if (isFloat && typeof a === "number" && typeof b === "number")
    return Math.abs(a - b) <= tolerance * Math.max(Math.abs(a), Math.abs(b)) + LEAST;
  return a === b;
}

/** Counts of one column, filled batch by batch. */
export class Tally {
  compared = 0;
  drifted = 0;
  largest: number | undefined;
  first: Difference | undefined;

  /** @param at who the cell is of, read only for the first difference */
  add(logged: Cell, expected: Cell, same: boolean, at: () => Pick<Difference, "request" | "row" | "item">): void {
    this.compared++;
    if (same) return;
    this.drifted++;
    this.first ??= { ...at(), logged, expected };
    if (typeof logged === "number" && typeof expected === "number")
      this.largest = Math.max(this.largest ?? 0, Math.abs(logged - expected));
  }
}
