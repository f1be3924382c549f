// Rows that run one by one, joined: columns on their row sets, times and reasons; and the outputs of a run's stages, as tensors.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AnyStep, Plan } from "#contract/plan.js";
import { column } from "#contract/schema.js";
import { type Column, childRows, type Rows, rootRows } from "#runtime/base/columns/table.js";
import { RuntimeFault } from "#runtime/base/errors.js";
import { stepTensors } from "#runtime/engine/explain/stage-notes.js";
import type { PlanResult } from "#runtime/engine/schedule/plan-result.js";
import { isOfRow, runRowByRow } from "#runtime/engine/schedule/row-by-row.js";
import { candidates, grouped, lists, makeStep, plain, scalars, vectors } from "../../../operators/step.js";

const stepOf = (id: string, outputs: readonly ReturnType<typeof column>[]): AnyStep =>
  makeStep("predictOnnx", {
    id,
    params: { path: "m", model: "m", inputs: {}, outputs: {} },
    inputs: { input: ["x"] },
    outputs,
  }) as AnyStep;
const one = stepOf("one", [column("n", "int64")]);
const made = stepOf("made", [column("id", "int64", { rows: "made" })]);
/** Rows of rows. */
const deep = stepOf("deep", [column("part", "int64", { rows: "deep" })]);
const plan: Plan = {
  ...({} as Plan),
  inputs: [column("x", "int64")],
  steps: [one, made, deep],
  outputs: [
    { schema: column("n", "int64"), ref: { name: "n", step: "one", column: "n" } },
    { schema: column("ids", "int64"), ref: { name: "ids", step: "made", column: "id" } },
    { schema: column("parts", "int64"), ref: { name: "parts", step: "deep", column: "part" } },
    { schema: column("x", "int64"), ref: { name: "x", step: "request", column: "x" } },
  ],
};

const partsOf = (id: number): number[] => Array.from({ length: id % 4 }, (_, i) => i);

interface Given {
  readonly x: number;
  readonly ids: readonly number[];
  readonly reason: string | undefined;
  /** The sides that rows took, by the choices that were reached. */
  readonly sides: Readonly<Record<string, readonly number[]>>;
}

/** A run of one row: x + 1, and the candidates of x. */
function runOf(x: number, row: number, given: Pick<Given, "ids" | "reason" | "sides">): PlanResult {
  const own = rootRows(1);
  const ids = candidates("int64", [given.ids], own);
  const columns: Readonly<Record<string, Column>> = {
    n: scalars("int64", [x + 1], own),
    id: ids,
    part: candidates("int64", given.ids.map(partsOf), ids.rows),
  };
  const times = (step: AnyStep, n: number) => ({
    step,
    began: 10 * row + n,
    ended: 10 * row + n + 1,
    rowsIn: 1,
    rowsOut: n + given.ids.length,
  });
  return {
    columns: new Map(),
    timings: new Map([["one", 5 + row]]),
    parts: new Map([["p", row]]),
    searches: new Map(),
    leftOut: new Map(),
    sides: new Map(Object.entries(given.sides)),
    fallbacks: new Map(given.reason === undefined ? [] : [["f", given.reason]]),
    runs: [times(one, 0), ...(given.ids.length > 0 ? [times(made, 1)] : [])],
    columnOf: (_, name) => columns[name],
  };
}

test("columns are concatenated, on rows of the request and on rows below it", async () => {
  const sides = fc.array(fc.nat({ max: 1 }), { maxLength: 3 });
  const row: fc.Arbitrary<Given> = fc.record({
    x: fc.nat({ max: 99 }),
    ids: fc.array(fc.nat(), { maxLength: 4 }),
    reason: fc.option(fc.constantFrom("late", "gone"), { nil: undefined }),
    sides: fc.record({ always: sides, sometimes: sides }, { requiredKeys: ["always"] }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 2, maxLength: 6 }), async all => {
      const request = rootRows(all.length);
      const inputs = new Map([
        [
          "x",
          scalars(
            "int64",
            all.map(({ x }) => x),
            request,
          ),
        ],
      ]);
      const asked: number[] = [];
      const result = await runRowByRow(plan, inputs, request, (given, at) => {
        const column = given.get("x")!;
        expect([column.rows.count, column.values[0]]).toEqual([1, BigInt(all[at]!.x)]);
        asked.push(at);
        return runOf(all[at]!.x, at, all[at]!);
      });
      expect(asked).toEqual(all.map((_, i) => i));
      expect(plain(result.columns.get("n")!)).toEqual(all.map(({ x }) => BigInt(x + 1)));
      expect(grouped(result.columns.get("ids")!)).toEqual(all.map(({ ids }) => ids.map(BigInt)));
      expect(result.columns.get("ids")!.rows.parent).toBe(request);
      expect(grouped(result.columns.get("parts")!)).toEqual(
        all.flatMap(({ ids }) => ids.map(id => partsOf(id).map(BigInt))),
      );
      expect(result.columns.get("parts")!.rows.parent).toBe(result.columns.get("ids")!.rows);
      expect(result.columns.get("x")).toBe(inputs.get("x"));
      expect([result.columnOf("one", "gone"), result.columnOf("gone", "n")]).toEqual([undefined, undefined]);
      expect(result.each).toHaveLength(all.length);
      const total = (of: (row: number) => number) => all.reduce((sum, _, i) => sum + of(i), 0);
      expect([result.timings.get("one"), result.parts.get("p")]).toEqual([total(i => 5 + i), total(i => i)]);
      const fell = all.flatMap(({ reason }, i) => (reason === undefined ? [] : [i]));
      const reason = `${fell.length > 1 ? "rows" : "row"} ${fell.join(", ")} of the request, run alone: ${all[fell[0] ?? 0]!.reason}`;
      expect([...result.fallbacks]).toEqual(fell.length > 0 ? [["f", reason]] : []);
      const reached = all.every(one => "sometimes" in one.sides) ? ["always", "sometimes"] : ["always"];
      expect([...result.sides].sort()).toEqual(reached.map(id => [id, all.flatMap(one => one.sides[id]!)]));
      const withIds = all.flatMap(({ ids }, i) => (ids.length > 0 ? [i] : []));
      expect(
        result.runs.map(({ step, began, ended, rowsIn, rowsOut }) => [step.id, began, ended, rowsIn, rowsOut]),
      ).toEqual([
        ["one", 0, 10 * (all.length - 1) + 1, all.length, total(i => all[i]!.ids.length)],
        ...(withIds.length > 0
          ? [
              [
                "made",
                10 * withIds[0]! + 1,
                10 * withIds.at(-1)! + 2,
                withIds.length,
                total(i => all[i]!.ids.length) + withIds.length,
              ],
            ]
          : []),
      ]);
    }),
  );
});

test("a row's fault names the row, and is the first one's", async () => {
  const request = rootRows(3);
  const inputs = new Map([["x", scalars("int64", [1, 2, 3], request)]]);
  const running = runRowByRow(plan, inputs, request, (_, row) => {
    if (row > 0) throw new RuntimeFault("NOT_FOUND", `no ${row}.`);
    return runOf(1, row, { ids: [], reason: undefined, sides: {} });
  });
  await expect(running).rejects.toMatchObject({
    code: "NOT_FOUND",
    message: "no 1. This is row 1 of the request, run alone.",
  });
  const codes = ["NOT_FOUND", "INVALID_ARGUMENT", "INTERNAL", "UNAVAILABLE", "CANCELLED"] as const;
  expect(codes.map(code => isOfRow(new RuntimeFault(code, "")))).toEqual([true, true, false, false, false]);
});

describe("stages as tensors", () => {
  const rows: Rows = childRows(rootRows(2), Int32Array.of(0, 1, 3));
  const columns: Readonly<Record<string, Column>> = {
    a: scalars("int32", [1, 2, 3], rows),
    l: { ...lists("string", [["x"], [], ["y", "z"]]), validity: Uint8Array.of(1, 0, 1) },
    v: vectors(
      "float32",
      [
        [1, 2],
        [3, 4],
      ],
      2,
    ),
  };
  const step = stepOf("s", [
    column("a", "int32"),
    column("l", "string"),
    column("v", "float32"),
    column("gone", "int32"),
  ]);
  const columnOf = (_: string, name: string) => columns[name];
  const shown = (most?: number) =>
    stepTensors(step, columnOf, most).map(({ name, datatype, shape, data }) => [name, datatype, shape, data.length]);

  test("values, and before them what says which row they belong to", () => {
    expect(shown().map(of => of.slice(0, 3))).toEqual([
      ["a (rows per request)", "INT32", [3]],
      ["a", "INT32", [3]],
      ["l (list offsets)", "INT32", [4]],
      ["l (validity)", "BOOL", [3]],
      ["l", "BYTES", [3]],
      ["v", "FP32", [2, 2]],
    ]);
    expect(shown(1).map(of => of.slice(0, 3))).toEqual(shown().map(of => of.slice(0, 3)));
    const bytes = (most?: number) => Object.fromEntries(shown(most).map(([name, , , length]) => [name, length]));
    expect(bytes()).toMatchObject({
      a: 12,
      "a (rows per request)": 12,
      "l (list offsets)": 16,
      "l (validity)": 3,
      v: 16,
    });
    expect(bytes(2)).toMatchObject({ a: 8, "a (rows per request)": 8, "l (list offsets)": 8, "l (validity)": 2, v: 8 });
  });
});
