/**
 * The columns of a run → a record on the tape that goes to the writer's thread. The thread that serves only copies arrays: lists, matches,
 * probabilities and pages are made by the other one (`recorded-runs.ts`).
 *
 * A record has, in this order: its bytes, and the numbers of its row sets, columns and requests (int32); the time (float64); row sets, each
 * behind its parent; columns; arms; the sources that each row took; requests.
 */
import type { Plan } from "../../../contract/plan.js";
import { datatype } from "../../../triton-protos/datatype.js";
import type { Column, Rows } from "../../base/columns/table.js";
import { type SidesTaken, sideReader } from "../../engine/explain/sides-taken.js";
import type { PlanResult } from "../../engine/schedule/plan-result.js";
import type { LogReader } from "./log-reader.js";
import { NONE, roomFor, roomForText, type Tape } from "./tape.js";

export type Run = Pick<PlanResult, "columnOf" | "fallbacks" | "leftOut" | "sides">;

/** Rows of a run that are one request's. */
export interface RecordedRequest {
  /** Empty: one is made of `made`. */
  readonly id: string;
  /** A number that no other request of the process without an id has. */
  readonly made: number;
  readonly from: number;
  readonly to: number;
  /** Row of the request that `from` is. */
  readonly firstRow: number;
  readonly seed: bigint;
}

/** Bytes beside arrays and texts: of a record, a row set, a column, a request. */
const HEAD = 24;
const ROWS_HEAD = 16;
const COLUMN_HEAD = 24;
const REQUEST_HEAD = 32;

export class RunRecorder {
  readonly #reader: LogReader;
  readonly #isGuarded: boolean;
  readonly #takenOf: SidesTaken;
  // Of the run that is recorded; empty between runs, so that nothing of a request is kept.
  readonly #columns: (Column | undefined)[] = [];
  /** By column an earlier one that shares its values: ids of one array are not compared. */
  readonly #same: number[] = [];
  readonly #sets: (Rows | undefined)[] = [];
  #setCount = 0;
  #root: Rows | undefined;

  constructor(plan: Plan, reader: LogReader) {
    this.#reader = reader;
    const { takenOf, guarded } = sideReader(plan);
    this.#takenOf = takenOf;
    this.#isGuarded = reader.sources.some(guarded);
  }

  /**
   * Looks at a run: call before `rowsOf` and `write`, and `forget` behind them.
   * @returns the most bytes that its record can have, requests apart
   */
  open(run: Run): number {
    const { columns, splits, sources } = this.#reader;
    let bytes = HEAD;
    for (let i = 0; i < columns.length; i++) {
      const ref = columns[i]!;
      const column = run.columnOf(ref.step, ref.column);
      this.#columns[i] = column;
      bytes += COLUMN_HEAD;
      if (!column) continue;
      const same = this.#sameValues(i, column);
      this.#same[i] = same;
      if (same === NONE) bytes += roomFor(column.values);
      if (column.offsets) bytes += roomFor(column.offsets);
      if (column.validity) bytes += roomFor(column.validity);
      bytes += this.#addRows(column.rows);
    }
    const item = this.#columns[this.#reader.lists.item];
    this.#root = item && rootOf(item.rows);
    const rows = this.#root?.count ?? 0;
    return bytes + splits.length * (8 + 4 * rows) + 16 + (this.#isGuarded ? sources.length * rows : 0);
  }

  /** Whether lists can be made of the run. */
  get hasItems(): boolean {
    return this.#root !== undefined;
  }

  /** Candidates that the lists of request rows have at most. */
  rowsOf(from: number, to: number, isAll: boolean): number {
    const { item, pool } = this.#reader.lists;
    const shown = this.#columns[item]?.rows;
    const candidates = isAll && pool ? this.#columns[pool.ids]?.rows : undefined;
    let rows = 0;
    for (let row = from; row < to; row++) {
      const count = this.#count(shown, row);
      if (count > 0) rows += candidates ? Math.max(count, this.#count(candidates, row)) : count;
    }
    return rows;
  }

  /** Writes the record. The tape has room for what `open` returned, and for the requests. */
  write(tape: Tape, run: Run, time: number, requests: readonly RecordedRequest[]): void {
    const start = tape.length;
    const rows = this.#root!.count;
    tape.int(0);
    tape.int(this.#setCount);
    tape.int(this.#columns.length);
    tape.int(requests.length);
    tape.double(time);
    for (let i = 0; i < this.#setCount; i++) this.#writeRows(tape, this.#sets[i]!);
    for (let i = 0; i < this.#columns.length; i++) this.#writeColumn(tape, i);
    this.#writeArms(tape, run, rows);
    this.#writeTaken(tape, run, rows);
    for (const request of requests) writeRequest(tape, request);
    tape.setInt(start, tape.length - start);
  }

  forget(): void {
    // A length of 0 would free their memory, which the next run needs.
    for (let i = 0; i < this.#columns.length; i++) this.#columns[i] = undefined;
    for (let i = 0; i < this.#setCount; i++) this.#sets[i] = undefined;
    this.#setCount = 0;
    this.#root = undefined;
  }

  /** @returns bytes of the sets that were not known */
  #addRows(rows: Rows): number {
    if (this.#setOf(rows) !== NONE) return 0;
    const { parent, offsets } = rows;
    const bytes = ROWS_HEAD + (offsets ? roomFor(offsets) : 0) + (parent ? this.#addRows(parent) : 0);
    this.#sets[this.#setCount++] = rows;
    return bytes;
  }

  #setOf(rows: Rows): number {
    for (let i = 0; i < this.#setCount; i++) if (this.#sets[i] === rows) return i;
    return NONE;
  }

  #count(rows: Rows | undefined, row: number): number {
    if (!rows) return 0;
    const to = boundary(rows, this.#root!, row + 1);
    return to === NONE ? 0 : to - boundary(rows, this.#root!, row);
  }

  #sameValues(i: number, { values }: Column): number {
    for (let k = 0; k < i; k++) if (this.#columns[k]?.values === values) return k;
    return NONE;
  }

  #writeRows(tape: Tape, { count, parent, offsets }: Rows): void {
    tape.int(count);
    tape.int(parent ? this.#setOf(parent) : NONE);
    tape.int(offsets ? offsets.length : NONE);
    tape.align();
    if (offsets) tape.ints(offsets);
  }

  #writeColumn(tape: Tape, i: number): void {
    const column = this.#columns[i];
    if (!column) {
      tape.int(NONE);
      tape.align();
      return;
    }
    const { dtype, rows, values, offsets, width, validity } = column;
    const same = this.#same[i]!;
    tape.int(datatype(dtype).number);
    tape.int(this.#setOf(rows));
    tape.int(same === NONE ? values.length : NONE - 1 - same);
    tape.int(offsets ? offsets.length : NONE);
    tape.int(width ?? NONE);
    tape.int(validity ? validity.length : NONE);
    if (same === NONE) tape.column(dtype, values);
    if (offsets) tape.ints(offsets);
    if (validity) tape.flags(validity);
  }

  /** For each split the arm of each row, as a number; none if the split did not run. */
  #writeArms(tape: Tape, { sides }: Run, rows: number): void {
    for (const id of this.#reader.splits) {
      const taken = sides.get(id);
      tape.int(taken ? rows : 0);
      if (taken) for (let row = 0; row < rows; row++) tape.int(taken[row] ?? NONE);
      tape.align();
    }
  }

  /** For each source and row whether the source is in a branch that the row took. */
  #writeTaken(tape: Tape, run: Run, rows: number): void {
    const { sources } = this.#reader;
    tape.int(this.#isGuarded ? rows : NONE);
    tape.align();
    if (!this.#isGuarded) return;
    const isTaken = this.#takenOf(run, run.sides);
    const taken = new Uint8Array(sources.length * rows);
    for (let s = 0; s < sources.length; s++)
      for (let row = 0; row < rows; row++) if (isTaken(sources[s]!, row)) taken[s * rows + row] = 1;
    tape.flags(taken);
  }
}

/** Bytes of a request in a record, at most. */
export const roomForRequest = (id: string): number => REQUEST_HEAD + roomForText(id) + 8;

function writeRequest(tape: Tape, { id, made, from, to, firstRow, seed }: RecordedRequest): void {
  tape.int(from);
  tape.int(to);
  tape.int(firstRow);
  tape.int(id === "" ? 0 : 1);
  tape.wide(seed);
  if (id === "") tape.double(made);
  else tape.text(id);
}

const rootOf = (rows: Rows): Rows => (rows.parent ? rootOf(rows.parent) : rows);

/** The first row of a set that belongs to a row of the root, or to a later one; NONE if the set has another root. */
function boundary(rows: Rows, root: Rows, row: number): number {
  if (rows === root) return row;
  if (!rows.parent) return NONE;
  const at = boundary(rows.parent, root, row);
  return at === NONE ? NONE : rows.offsets![at]!;
}
