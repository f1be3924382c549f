/** Records of a tape → the columns of each run, as the thread that served had them. The other side is `run-recorder.ts`. */

import { DATATYPES, type DType, type Values } from "../../../triton-protos/datatype.js";
import type { Column, Rows } from "../../base/columns/table.js";
import type { ListPlan } from "./log-reader.js";
import type { RecordedRequest } from "./run-recorder.js";
import { NONE, ROWS, TapeReader } from "./tape.js";

const DTYPES: readonly DType[] = DATATYPES.reduce<DType[]>((all, { number, name }) => {
  all[number] = name;
  return all;
}, []);

/** A request's rows of a run. */
export interface RequestRows extends Omit<RecordedRequest, "id" | "made"> {
  /** A number where the request had no id. */
  readonly id: string | number;
}

export interface RecordedRun {
  /** Microseconds since 1970. */
  readonly time: number;
  /** By the numbers of `ListPlan`. */
  readonly columns: readonly (Column | undefined)[];
  readonly requests: readonly RequestRows[];
  /** For each split the number of each row's arm; undefined if the split did not run. */
  readonly arms: readonly (Int32Array | undefined)[];
  /** Whether the row took the branch of a source, by its place in `ListPlan.sources`. */
  isTaken(source: number, row: number): boolean;
}

/** @param length bytes that are written */
export function* readRuns(buffer: ArrayBuffer, length: number, plan: ListPlan): Generator<RecordedRun> {
  const tape = new TapeReader(buffer);
  while (tape.at < length) {
    const start = tape.at;
    const end = start + tape.int();
    yield readRun(tape, plan);
    tape.goTo(end);
  }
}

function readRun(tape: TapeReader, plan: ListPlan): RecordedRun {
  const [columnCount, requests] = [tape.int(), tape.int()];
  tape.align();
  const time = tape.double();
  const rowSets: Rows[] = [];
  const columns: (Column | undefined)[] = [];
  for (let i = 0; i < columnCount; i++) columns.push(readColumn(tape, rowSets, columns));
  const arms = plan.arms.map(() => {
    const count = tape.int();
    const own = count > 0 ? Int32Array.from({ length: count }, () => tape.int()) : undefined;
    tape.align();
    return own;
  });
  const rows = tape.int();
  tape.align();
  const taken = rows === NONE ? undefined : tape.flags(plan.sources.length * rows);
  const isTaken = (source: number, row: number): boolean => !taken || taken[source * rows + row] === 1;
  return { time, columns, requests: Array.from({ length: requests }, () => readRequest(tape)), arms, isTaken };
}

function readRows(tape: TapeReader, before: readonly Rows[]): Rows {
  const [count, parent, offsets] = [tape.int(), tape.int(), tape.int()];
  if (parent === NONE) return { count };
  return { count, parent: before[parent]!, offsets: tape.ints(offsets) };
}

function readColumn(tape: TapeReader, sets: Rows[], before: readonly (Column | undefined)[]): Column | undefined {
  let number = tape.int();
  for (; number === ROWS; number = tape.int()) sets.push(readRows(tape, sets));
  if (number === NONE) {
    tape.align();
    return undefined;
  }
  const dtype = DTYPES[number]!;
  const rows = sets[tape.int()]!;
  const [count, offsetCount, width, validityCount] = [tape.int(), tape.int(), tape.int(), tape.int()];
  const listCount = tape.int();
  tape.align();
  const values: Values = count < 0 ? before[NONE - 1 - count]!.values : tape.column(dtype, count);
  return {
    dtype,
    rows,
    values,
    ...(offsetCount !== NONE && { offsets: tape.ints(offsetCount) }),
    ...(width !== NONE && { width }),
    ...(validityCount !== NONE && { validity: tape.flags(validityCount) }),
    ...(listCount !== NONE && { listValidity: tape.flags(listCount) }),
  };
}

function readRequest(tape: TapeReader): RequestRows {
  const [from, to, firstRow, isNamed] = [tape.int(), tape.int(), tape.int(), tape.int()];
  const seed = tape.wide();
  return { id: isNamed === 1 ? tape.text() : tape.double(), from, to, firstRow, seed };
}
