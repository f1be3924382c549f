/**
 * The columns of a run → a record on the tape that is sent to the writer's thread. The thread that serves only copies arrays. The other one
 * makes lists, matches, probabilities and pages (`recorded-runs.ts`).
 *
 * A record has these parts, in this order:
 * - its bytes, the numbers of its columns and of its requests (int32), four unused bytes, and the time (float64)
 * - columns. A row set precedes the first column that has it, and its parent precedes it.
 * - arms, and the sources that each row took
 * - requests
 */
import type { Plan } from "../../../contract/plan.js";
import { type DatatypeRow, datatype } from "../../../triton-protos/datatype.js";
import { type Column, type Rows, rootOf } from "../../base/columns/table.js";
import { type SidesTaken, sideReader } from "../../engine/explain/sides-taken.js";
import type { PlanResult } from "../../engine/schedule/plan-result.js";
import type { LogReader } from "./log-reader.js";
import { bytesAt, MOST_REPEATED, type Oversize } from "./oversize.js";
import { storedIdLength } from "./stored-id.js";
import { NONE, ROWS, roomFor, roomForText, type Tape } from "./tape.js";

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
const COLUMN_HEAD = 32;
const REQUEST_HEAD = 40;

/** Place of the number of requests in a record. */
const REQUESTS_AT = 8;

export class RunRecorder {
  readonly #reader: LogReader;
  /** Kept columns of the request. */
  readonly #repeated: readonly { readonly column: number; readonly name: string }[];
  readonly #isAll: boolean;
  readonly #isGuarded: boolean;
  readonly #takenOf: SidesTaken;
  // The run that is recorded. These are empty between runs, so that nothing of a request is kept.
  readonly #columns: (Column | undefined)[] = [];
  readonly #sets: (Rows | undefined)[] = [];
  #setCount = 0;
  /** The dtype of each column of the run before, which is that of this one too. */
  readonly #types: DatatypeRow[] = [];
  #start = 0;
  #requests = 0;
  #rows = 0;

  /** @param isAll whether candidates that were not shown are logged as well */
  constructor(plan: Plan, reader: LogReader, isAll: boolean) {
    this.#reader = reader;
    this.#repeated = reader.lists.kept.flatMap(({ column, place }) =>
      place === "request" ? [{ column, name: reader.columns[column]!.name }] : [],
    );
    this.#isAll = isAll;
    const { takenOf, guarded } = sideReader(plan);
    this.#takenOf = takenOf;
    this.#isGuarded = reader.sources.some(guarded);
  }

  /** Begins a record: its columns. Call `end` even if this throws. @param time microseconds since 1970 */
  begin(tape: Tape, run: Run, time: number): void {
    const { columns, lists } = this.#reader;
    this.#start = tape.length;
    this.#requests = 0;
    this.#rows = 0;
    tape.reserve(HEAD);
    tape.int(0);
    tape.int(columns.length);
    tape.int(0);
    tape.int(0);
    tape.double(time);
    for (let i = 0; i < columns.length; i++) {
      const ref = columns[i]!;
      const column = run.columnOf(ref.step, ref.column);
      this.#columns[i] = column;
      this.#writeColumn(tape, column, i);
    }
    const item = this.#columns[lists.item];
    const rows = item ? rootOf(item.rows).count : 0;
    this.#writeArms(tape, run, rows);
    this.#writeTaken(tape, run, rows);
  }

  /** @returns the first list of a request that is too large, with the value at fault. Call after `begin` */
  oversize({ id, from, to, firstRow }: RecordedRequest): Oversize | undefined {
    for (let row = from; row < to; row++) {
      const candidates = this.#candidates(row, row + 1);
      const at = { row: firstRow + row - from, candidates };
      const idBytes = storedIdLength(id);
      if (candidates * idBytes > MOST_REPEATED) return { ...at, name: "request_id", bytes: idBytes };
      for (const { name, column } of this.#repeated) {
        const kept = this.#columns[column];
        const bytes = kept ? bytesAt(kept, row) : 0;
        if (candidates * bytes > MOST_REPEATED) return { ...at, name, bytes };
      }
    }
    return undefined;
  }

  add(tape: Tape, { id, made, from, to, firstRow, seed }: RecordedRequest): void {
    tape.reserve(REQUEST_HEAD + roomForText(id));
    tape.int(from);
    tape.int(to);
    tape.int(firstRow);
    tape.int(id === "" ? 0 : 1);
    tape.wide(seed);
    if (id === "") tape.double(made);
    else tape.text(id);
    this.#requests++;
    this.#rows += this.#candidates(from, to);
  }

  /** Ends the record. @returns the rows of its lists at most */
  end(tape: Tape): number {
    tape.setInt(this.#start, tape.length - this.#start);
    tape.setInt(this.#start + REQUESTS_AT, this.#requests);
    // A length of 0 would free their memory, which the next run needs.
    for (let i = 0; i < this.#columns.length; i++) this.#columns[i] = undefined;
    for (let i = 0; i < this.#setCount; i++) this.#sets[i] = undefined;
    this.#setCount = 0;
    return this.#rows;
  }

  /** Candidates that the lists of request rows have at most. */
  #candidates(from: number, to: number): number {
    const { item, pool } = this.#reader.lists;
    const shown = this.#columns[item]?.rows;
    if (!shown) return 0;
    const root = rootOf(shown);
    const all = this.#isAll && pool ? this.#columns[pool.ids]?.rows : undefined;
    let rows = 0;
    for (let row = from; row < to; row++) {
      const count = countOf(shown, root, row);
      if (count > 0) rows += all ? Math.max(count, countOf(all, root, row)) : count;
    }
    return rows;
  }

  #writeColumn(tape: Tape, column: Column | undefined, i: number): void {
    if (!column) {
      tape.reserve(8);
      tape.int(NONE);
      tape.align();
      return;
    }
    const { dtype, rows, values, offsets, width, validity, listValidity } = column;
    const set = this.#writeRows(tape, rows);
    const same = this.#sameValues(i, values);
    let room = COLUMN_HEAD;
    if (same === NONE) room += roomFor(values);
    if (offsets) room += roomFor(offsets);
    if (validity) room += roomFor(validity);
    if (listValidity) room += roomFor(listValidity);
    tape.reserve(room);
    let type = this.#types[i];
    if (type?.name !== dtype) type = this.#types[i] = datatype(dtype);
    tape.int(type.number);
    tape.int(set);
    tape.int(same === NONE ? values.length : NONE - 1 - same);
    tape.int(offsets ? offsets.length : NONE);
    tape.int(width ?? NONE);
    tape.int(validity ? validity.length : NONE);
    tape.int(listValidity ? listValidity.length : NONE);
    tape.align();
    if (same === NONE) tape.column(type, values);
    if (offsets) tape.ints(offsets);
    if (validity) tape.flags(validity);
    if (listValidity) tape.flags(listValidity);
  }

  /** @returns the number of the set, which is written if it is new */
  #writeRows(tape: Tape, rows: Rows): number {
    for (let i = 0; i < this.#setCount; i++) if (this.#sets[i] === rows) return i;
    const { count, parent, offsets } = rows;
    const above = parent ? this.#writeRows(tape, parent) : NONE;
    tape.reserve(ROWS_HEAD + (offsets ? roomFor(offsets) : 0));
    tape.int(ROWS);
    tape.int(count);
    tape.int(above);
    tape.int(offsets ? offsets.length : NONE);
    if (offsets) tape.ints(offsets);
    this.#sets[this.#setCount] = rows;
    return this.#setCount++;
  }

  /** An earlier column that shares its values: ids of the same array are not compared. */
  #sameValues(i: number, values: Column["values"]): number {
    for (let k = 0; k < i; k++) if (this.#columns[k]?.values === values) return k;
    return NONE;
  }

  /** For each split the arm of each row, as a number; none if the split did not run. */
  #writeArms(tape: Tape, run: Run, rows: number): void {
    const { splits } = this.#reader;
    if (splits.length === 0) return;
    tape.reserve(splits.length * (8 + 4 * rows));
    for (const id of splits) {
      const taken = run.sides.get(id);
      tape.int(taken ? rows : 0);
      if (taken) for (let row = 0; row < rows; row++) tape.int(taken[row] ?? NONE);
      tape.align();
    }
  }

  /** For each source and row whether the source is in a branch that the row took. */
  #writeTaken(tape: Tape, run: Run, rows: number): void {
    const { sources } = this.#reader;
    tape.reserve(16 + sources.length * rows);
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

function countOf(rows: Rows, root: Rows, row: number): number {
  const to = boundary(rows, root, row + 1);
  return to === NONE ? 0 : to - boundary(rows, root, row);
}

/** The first row of a set that belongs to a row of the root, or to a later one. NONE if the set has another root. */
function boundary(rows: Rows, root: Rows, row: number): number {
  if (rows === root) return row;
  if (!rows.parent) return NONE;
  const at = boundary(rows.parent, root, row);
  return at === NONE ? NONE : rows.offsets![at]!;
}
