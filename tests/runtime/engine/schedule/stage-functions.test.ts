// A function in place of a stage: its input and output columns, and the message if they do not fit.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AnyStep, Plan } from "#contract/plan.js";
import { type ColumnSchema, column } from "#contract/schema.js";
import type { Cancellable } from "#runtime/base/cancellation.js";
import { type Column, type Rows, rootRows } from "#runtime/base/columns/table.js";
import { readColumns, type StageOutput, writeColumns } from "#runtime/engine/schedule/stage-columns.js";
import { runStage, type StageContext } from "#runtime/engine/schedule/stage-function.js";
import { context, grouped, type Item, lists, makeStep, plain, scalars, vectors } from "../../../operators/step.js";

const ragged = { list: { min: 0, max: null } } as const;
const pair = { list: { min: 2, max: 2 } } as const;
const stepOf = (outputs: readonly ColumnSchema[]): AnyStep =>
  makeStep("predictOnnx", {
    params: { path: "m", model: "m", inputs: {}, outputs: {} },
    inputs: { input: ["x", "y"] },
    outputs,
  }) as AnyStep;
const planOf = (last: AnyStep): Plan => ({
  ...({} as Plan),
  inputs: [column("x", "int64"), column("y", "string")],
  steps: [last],
});
const rows = rootRows(2);
const write = (
  outputs: readonly ColumnSchema[],
  made: StageOutput,
  known = new Map<string, Rows>(),
): readonly Column[] => writeColumns(stepOf(outputs), made, known, rows);

describe("columns read", () => {
  test("scalars, lists, vectors and texts, with nulls and without", () => {
    const of = (of: Column) => readColumns(stepOf([]), { input: [of, scalars("string", ["a", "b"])] });
    expect(of(scalars("int64", [1, 2]))).toEqual({ x: BigInt64Array.of(1n, 2n), y: ["a", "b"] });
    expect(of(scalars("int64", [1, null]))).toEqual({ x: [1n, null], y: ["a", "b"] });
    expect(of(lists("float32", [[1, 2], []]))).toMatchObject({ x: [Float32Array.of(1, 2), new Float32Array(0)] });
    expect(
      of(
        vectors(
          "int32",
          [
            [1, 2],
            [3, 4],
          ],
          2,
        ),
      ),
    ).toMatchObject({ x: [Int32Array.of(1, 2), Int32Array.of(3, 4)] });
    const nulls = { ...lists("int32", [[1, 2], [3]]), validity: Uint8Array.of(1, 0, 0) };
    expect(of(nulls)).toMatchObject({ x: [[1, null], [null]] });
  });
});

describe("columns written", () => {
  test("are what was written", () => {
    const cell = (of: fc.Arbitrary<Item>) => fc.array(fc.option(of), { minLength: 2, maxLength: 2 });
    const given = fc.record({
      n: cell(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
      i: cell(fc.integer()),
      s: cell(fc.string()),
      l: fc.array(fc.array(fc.option(fc.integer()), { maxLength: 3 }), { minLength: 2, maxLength: 2 }),
      v: fc.array(fc.array(fc.integer(), { minLength: 2, maxLength: 2 }), { minLength: 2, maxLength: 2 }),
    });
    const schemas = [
      column("n", "int64"),
      column("i", "int32"),
      column("s", "string"),
      column("l", "int32", ragged),
      column("v", "int32", pair),
    ];
    fc.assert(
      fc.property(given, made => {
        const columns = write(schemas, made as StageOutput);
        expect(columns.map(plain)).toEqual([made.n, made.i, made.s, made.l, made.v]);
        expect(columns.map(({ validity }) => validity !== undefined)).toEqual([
          ...[made.n, made.i, made.s, made.l.flat()].map(all => all.includes(null)),
          false,
        ]);
        expect(columns[4]!.width).toBe(2);
      }),
    );
    expect(plain(write([column("n", "int64")], { n: [1, 2] })[0]!)).toEqual([1n, 2n]);
    expect(plain(write([column("n", "float32")], { n: Float32Array.of(1, 2) })[0]!)).toEqual([1, 2]);
  });
  test.each<[string, readonly ColumnSchema[], StageOutput, string]>([
    ["a strange one", [column("a", "int32")], { a: [1, 2], b: [1, 2] }, "makes no column `b`; it makes int32 a"],
    ["none", [column("a", "int32")], {}, "got no column `int32 a`"],
    ["too few", [column("a", "int32")], { a: [1] }, "column `a` has 1 values for 2 rows"],
    ["too many numbers", [column("a", "int32")], { a: Int32Array.of(1, 2, 3) }, "column `a` has 3 values for 2 rows"],
    ["too many lists", [column("a", "int32", ragged)], { a: [[], [], []] }, "column `a` has 3 values for 2 rows"],
    [
      "a list of another length",
      [column("a", "int32", pair)],
      { a: [[1, 2], [1]] },
      "column `a` has a list of 1 values; each row has 2",
    ],
    ["what is no integer", [column("a", "int64")], { a: [1n, "x"] }, 'column `int64 a` can\'t hold "x" at place 1'],
    [
      "no list of made rows",
      [column("a", "int32", { rows: "s1" })],
      { a: [[1], 2] } as never,
      "makes rows, so column `a` is one list for each of 2 rows; it got 2 entries",
    ],
    [
      "too few lists of made rows",
      [column("a", "int32", { rows: "s1" })],
      { a: [[1]] },
      "makes rows, so column `a` is one list for each of 2 rows; it got 1 entries",
    ],
    [
      "lists of other lengths",
      [column("a", "int32", { rows: "s1" }), column("b", "int32", { rows: "s1" })],
      { a: [[1], []], b: [[], [1]] },
      "got lists of other lengths for column `b` than for the columns before it",
    ],
  ])("%s", (_, outputs, made, message) => {
    expect(() => write(outputs, made)).toThrow(`the replacement ${message}`);
  });
});

describe("a function", () => {
  const last = stepOf([column("a", "int32"), column("id", "int64", { rows: "s1" })]);
  const act = (
    run: (columns: unknown, of: StageContext) => unknown,
    signal?: Cancellable,
    onMistake?: (error: unknown) => void,
  ) =>
    runStage(
      run as never,
      { plan: planOf(last), first: last, last },
      { input: [scalars("int64", [5, 6], rows), scalars("string", ["p", "q"], rows)] },
      { ...context(7n), ...(signal && { signal }) },
      onMistake,
    );

  test("gets columns, rows, requested outputs and parameters, and numbers of the request's seed", async () => {
    const seen: StageContext[] = [];
    const run = (columns: unknown, of: StageContext) => {
      seen.push(of);
      expect(columns).toEqual({ x: BigInt64Array.of(5n, 6n), y: ["p", "q"] });
      return { a: [1, 2], id: [[1], [2, 3]] };
    };
    const made = await act(run);
    expect([plain(made[0]!), grouped(made[1]!)]).toEqual([
      [1, 2],
      [[1n], [2n, 3n]],
    ]);
    await act(run);
    const [one, two] = seen as [StageContext, StageContext];
    expect(one).toMatchObject({ stage: "s1", rows: 2, params: { model: "m" } });
    expect(one.outputs.map(({ name, makesRows }) => [name, makesRows])).toEqual([
      ["a", false],
      ["id", true],
    ]);
    expect(one.signal).toBeUndefined();
    expect([one.random.next(), one.random.next()]).toEqual([two.random.next(), two.random.next()]);
  });
});
