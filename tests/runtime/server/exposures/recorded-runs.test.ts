// A run that was recorded on a tape, as the writer's thread reads it.
import { expect, test } from "vitest";
import { type Column, childRows, rootRows } from "#runtime/base/columns/table.js";
import type { ListPlan, LogReader } from "#runtime/server/exposures/log-reader.js";
import { readRuns } from "#runtime/server/exposures/recorded-runs.js";
import { type Run, RunRecorder } from "#runtime/server/exposures/run-recorder.js";
import { Tape } from "#runtime/server/exposures/tape.js";
import { DATATYPES, datatype } from "#triton-protos/datatype.js";
import { random } from "../../../walls/support/random.js";

const root = rootRows(2);
const items = childRows(root, Int32Array.of(0, 1, 4));
const parts = childRows(items, Int32Array.of(0, 2, 2, 3, 5));

/** Random bytes as values; NaN stays out, since it equals nothing. */
function valuesOf(dtype: Column["dtype"], count: number, next: () => number): Column["values"] {
  const { array, bytes } = datatype(dtype);
  const texts = ["", "a", "ü\u{1f600}", "\0'\"", "x".repeat(63), "y".repeat(64), "z".repeat(65), "ß".repeat(5000)];
  if (!array) return Array.from({ length: count }, () => texts[Math.floor(next() * texts.length)]!);
  const memory = Uint8Array.from({ length: count * bytes }, () => next() * 127);
  return new array(memory.buffer);
}

const TYPES = DATATYPES.map(({ name }) => name);

/** A column of each dtype for each row set: scalars, lists of both kinds, with nulls and without them. */
function columnsOf(next: () => number): Column[] {
  return [root, items, parts].flatMap(rows =>
    TYPES.flatMap((dtype): Column[] => {
      const { count } = rows;
      const offsets = Int32Array.from({ length: count + 1 }, (_, i) => 3 * i);
      return [
        { dtype, rows, values: valuesOf(dtype, count, next) },
        { dtype, rows, values: valuesOf(dtype, 2 * count, next), width: 2 },
        { dtype, rows, values: valuesOf(dtype, 3 * count, next), offsets, validity: new Uint8Array(3 * count).fill(1) },
        { dtype, rows, values: valuesOf(dtype, 3 * count, next), offsets, listValidity: new Uint8Array(count).fill(1) },
      ];
    }),
  );
}

const plan: ListPlan = {
  item: 0,
  pool: undefined,
  draw: "certain",
  kept: [],
  others: [],
  sources: [],
  arms: [["a", "b"]],
};

function recorderOf(columns: readonly (Column | undefined)[]) {
  const refs = columns.map((_, i) => ({ name: `c${i}`, step: "s", column: `c${i}` }));
  const reader: LogReader = { columns: refs, lists: plan, seed: undefined, splits: ["split"], sources: [] };
  const run: Run = {
    columnOf: (_step, column) => columns[Number(column.slice(1))],
    ...{ fallbacks: new Map(), leftOut: new Map(), sides: new Map([["split", [1, 0]]]) },
  };
  return { recorder: new RunRecorder({ steps: [], inputs: [], outputs: [] } as never, reader, true), run };
}

const requests = [
  { id: "first \u{1f600}", made: 0, from: 0, to: 1, firstRow: 0, seed: -(2n ** 63n) },
  { id: "", made: 2 ** 40, from: 1, to: 2, firstRow: 7, seed: 2n ** 63n - 1n },
];

test("every type, list and row set is read as it was recorded", () => {
  // The first column has rows below the root.
  const columns: (Column | undefined)[] = columnsOf(random(7)).toReversed();
  columns.push(undefined, { ...columns[5]! });
  const { recorder, run } = recorderOf(columns);
  // It grows: it has room for one number.
  const tape = new Tape(new ArrayBuffer(8));
  const times = [1, 1_700_000_000_123_456, -1];
  for (const time of times) {
    recorder.begin(tape, run, time);
    for (const request of requests) recorder.add(tape, request);
    expect(recorder.end(tape)).toBe(parts.count);
  }
  const read = [...readRuns(tape.buffer, tape.length, plan)];
  expect(read.map(({ time }) => time)).toEqual(times);
  for (const one of read) {
    expect(one.columns).toEqual(columns);
    expect(one.columns.at(-1)!.values).toBe(one.columns[5]!.values);
    expect(new Set(one.columns.map(column => column?.rows)).size).toBe(4);
    expect([...one.arms[0]!]).toEqual([1, 0]);
    expect(one.requests.map(({ id }) => id)).toEqual(["first \u{1f600}", 2 ** 40]);
    expect(one.requests.map(({ from, to, firstRow, seed }) => [from, to, firstRow, seed])).toEqual(
      requests.map(({ from, to, firstRow, seed }) => [from, to, firstRow, seed]),
    );
  }
});

test("a run without items has no lists, and keeps nothing of the run before", () => {
  const { recorder, run } = recorderOf([{ dtype: "int64", rows: items, values: new BigInt64Array(4) }]);
  const tape = new Tape();
  for (const [one, rows] of [
    [run, 4],
    [{ ...run, columnOf: () => undefined }, 0],
  ] as const) {
    recorder.begin(tape, one, 0);
    for (const request of requests) recorder.add(tape, request);
    expect(recorder.end(tape)).toBe(rows);
  }
  expect([...readRuns(tape.buffer, tape.length, plan)].map(({ columns }) => columns.length)).toEqual([1, 1]);
});
