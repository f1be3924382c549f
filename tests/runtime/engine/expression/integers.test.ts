// Integers of 64 bits in functions of columns: numpy's values in every form that a function has, and what is refused.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { fittedPlan } from "#contract/any-step.js";
import { evaluateExpression } from "#contract/evaluate-expression.js";
import { type Expression, expressionSchema } from "#contract/expression.js";
import type { Value } from "#contract/expression-functions.js";
import { type Plan, parsePlan } from "#contract/plan.js";
import { column } from "#contract/schema.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { compileExpression } from "#runtime/engine/expression/compile-expression.js";
import { preparePlan } from "#runtime/engine/schedule/execute.js";
import { writeFittedWorkflow } from "#runtime/etl/fitted-folder.js";
import type { DType } from "#triton-protos/datatype.js";
import { startPythonOnnx } from "../../../compiler/5-emit/onnx/python-onnx.js";
import { PYTHONS, pythonOf } from "../../../needs/pythons.js";
import { lowerWorkflow } from "../../etl/run-onnx.js";
import { inFolder, throughSql } from "../../etl/run-workflow.js";
import { type Cell, fromColumn, toColumn } from "../../etl/table-values.js";
import { schemaOf } from "../../etl/workflow-plan.js";
import { readFunction } from "./read-function.js";
import { throughPython } from "./through-python.js";

interface Oracle {
  readonly columns: Readonly<Record<string, readonly string[]>>;
  readonly cases: readonly {
    readonly text: string;
    readonly dtype: DType;
    readonly expected: readonly (string | boolean | null)[];
  }[];
}
const FILE = join(import.meta.dirname, "../../../fixtures/numpy/integers.json");
const oracle = JSON.parse(readFileSync(FILE, "utf8")) as Oracle;
const TYPES = { a: "int64", b: "int64", c: "int32", f: "float64" } as const;
const NAMES = Object.keys(TYPES) as (keyof typeof TYPES)[];
const ROWS = oracle.columns.a!.length;
const isInt64 = (name: string) => TYPES[name as keyof typeof TYPES] === "int64";
const CELLS: Readonly<Record<string, Cell[]>> = Object.fromEntries(
  NAMES.map(name => [name, oracle.columns[name]!.map(cell => (isInt64(name) ? cell : Number(cell)))]),
);
const MODELS = { describe: () => Promise.reject(new Error()), infer: () => Promise.reject(new Error()) };
const read = (text: string): Expression => readFunction(`(a, b, c, f) => ${text}`, TYPES);

function planOf(cases: Oracle["cases"]): Plan {
  const plan = {
    format: "merlon/plan",
    version: 1,
    kind: "workflow",
    name: "integers",
    inputs: schemaOf(TYPES),
    steps: cases.map(({ text, dtype }, i) => ({
      id: `f${i}`,
      op: "lambdaOp",
      label: `f${i}`,
      params: { text, expressions: { [`out${i}`]: read(text) } },
      inputs: { input: NAMES.map(name => ({ name, step: "request", column: name })) },
      outputs: [column(`out${i}`, dtype)],
    })),
    outputs: cases.map(({ dtype }, i) => ({
      ref: { name: `out${i}`, step: `f${i}`, column: `out${i}` },
      schema: column(`out${i}`, dtype),
    })),
  };
  return parsePlan(JSON.stringify(plan), "test plan");
}

/** Numpy's value, or null where Merlon has one of its own: a division by zero has nothing, as a float is left out. */
function expectNumpy(found: readonly Cell[], { text, dtype, expected }: Oracle["cases"][number]): void {
  const wanted = expected.map(cell =>
    typeof cell !== "string" || dtype === "string" ? cell : dtype === "int64" ? cell : Number(cell),
  );
  const seen = found.map((cell, i) => (dtype === "int64" && cell !== null ? String(cell) : isLeftOut(i) ? null : cell));
  function isLeftOut(i: number): boolean {
    return dtype === "float64" && expected[i] === null;
  }
  const where = seen.findIndex((cell, i) => cell !== wanted[i]);
  const row = where < 0 ? "" : ` of ${NAMES.map(name => `${name} = ${CELLS[name]![where]}`).join(", ")}`;
  expect(seen.length).toBe(ROWS);
  expect(seen[where], `${text}${row}`).toBe(wanted[where]);
}

const python = startPythonOnnx();
afterAll(() => python.stop());

describe("numpy's int64", () => {
  test("in the kernels", async () => {
    const plan = planOf(oracle.cases);
    const executable = await preparePlan(fittedPlan(plan), { folder: ".", models: MODELS });
    const rows = rootRows(ROWS);
    const columns = new Map(plan.inputs.map(col => [col.name, toColumn(col, CELLS[col.name]!, rows)]));
    const result = await executable.run(columns, { seed: 0n, parameters: new Map() });
    oracle.cases.forEach((one, i) => {
      expectNumpy(fromColumn(result.columns.get(`out${i}`)!), one);
    });
  });

  test("row by row", () => {
    for (const one of oracle.cases.filter(({ dtype }) => dtype !== "float32")) {
      const expression = read(one.text);
      const found = Array.from({ length: ROWS }, (_, row) => {
        const cells = NAMES.map((name): [string, Value] => [
          name,
          name === "f" ? Number(CELLS.f![row]) : BigInt(String(CELLS[name]![row])),
        ]);
        const made = evaluateExpression(expression, new Map(cells));
        return (
          typeof made === "bigint" ? (one.dtype === "float64" ? Number(made) : String(made)) : (made ?? null)
        ) as Cell;
      });
      expectNumpy(found, one);
    }
  });

  test("in DuckDB", () =>
    inFolder(async folder => {
      const plan = planOf(oracle.cases);
      await writeFittedWorkflow(join(folder, "fitted"), async () => plan);
      const { cells } = await throughSql(folder, plan, CELLS);
      oracle.cases.forEach((one, i) => {
        expectNumpy(cells[`out${i}`]!, one);
      });
    }));

  test.for(PYTHONS)("in Python %s", (release, { skip }) => {
    const interpreter = pythonOf(release);
    if ("missing" in interpreter) return skip(interpreter.missing);
    const cases = oracle.cases.map(({ text, dtype }) => ({
      expression: read(text),
      types: TYPES,
      cells: CELLS,
      dtype,
      what: text,
    }));
    throughPython(cases, interpreter.python).forEach((found, i) => {
      expectNumpy(found, oracle.cases[i]!);
    });
  });

  test("in ONNX graphs, which no divisor ends", async () => {
    const lowered = oracle.cases.filter(({ dtype }) => dtype !== "string");
    const graph = lowerWorkflow(".", planOf(lowered));
    if ("refused" in graph) throw new Error(graph.refused);
    for (const found of [await graph.run(CELLS), await graph.runElsewhere(python, CELLS)])
      lowered.forEach((one, i) => {
        expectNumpy(found[`out${i}`]!, one);
      });
  });
});

describe("what a function means by an integer", () => {
  const run = (text: string, a: bigint | undefined, captured = {}) =>
    evaluateExpression(readFunction(text, { a: "int64", s: "string" }, captured), new Map([["a", a]]));
  const ID = 1234567890123456789n;

  test.each([
    ["a => a", ID, ID],
    ["a => { const k = 30; const next = a + k; return next - 1; }", ID, ID + 29n],
    ["a => { const k = a > 0 ? 1 : 2; return a * k; }", ID, ID],
    ["a => { const half = a / 2; return Math.floor(half); }", ID, ID / 2n],
    ["a => Math.round(a)", ID, ID],
    ["(a = 1234567890123456819n) => a", undefined, ID + 30n],
    ["a => `u${a}`", ID, `u${ID}`],
    ["a => a + KNOWN", 1n, ID + 31n],
    ["a => IDS.includes(a)", ID + 30n, true],
    ["a => IDS.includes(a)", ID, false],
    ["a => a === -9223372036854775808n", -(2n ** 63n), true],
    ["a => a === 0x7fff_ffff_ffff_ffffn", 2n ** 63n - 1n, true],
    ["a => a / 2", 5n, 2.5],
    ["a => a * 1.5", 2n, 3],
    ["a => a ** 2", 3n, 9],
    ["a => Number(a) + 1", 2n ** 53n, 2 ** 53],
    ["a => 1 / -a", 0n, Number.POSITIVE_INFINITY],
    ["a => a % 0", 5n, undefined],
    ["a => Math.trunc(-a / 2)", 5n, -2n],
    ["a => a ?? 2.5", undefined, 2.5],
    ["a => (a || 7) + 1", 0n, 8n],
  ])("%s of %s", (text, a, expected) =>
    expect(run(text, a, { KNOWN: { value: ID + 30n }, IDS: { value: [ID + 30n, 5] } })).toBe(expected),
  );

  test.each([
    ["a => a === 1234567890123456789", "Write `1234567890123456789n`."],
    ["a => a + 9223372036854775808n", "more than 64 bits"],
    ["a => a - -9223372036854775809n", "more than 64 bits"],
    ["a => a === WIDE", "more than 64 bits"],
    ["s => s + s ? 1n : 'x'", "two values of one type"],
  ])("%s is refused", (text, reason) => expect(() => run(text, 1n, { WIDE: { value: 2n ** 64n } })).toThrow(reason));
});

describe("an expression of strangers", () => {
  test.each([
    ["digits without end", { integer: "9".repeat(1_000_000) }],
    ["65 bits", { integer: "9223372036854775808" }],
    ["no digits", { integer: "0x10" }],
    ["one of a list", { integers: ["1", "-9223372036854775809"] }],
    ["a column that is not quite exact", { column: "a", exact: false }],
  ])("is refused: %s", (_, expression) => expect(expressionSchema.safeParse(expression).success).toBe(false));

  test.each<[string, Expression]>([
    ["an exact float", { column: "f", exact: true }],
    ["integers added to numbers", { call: "addIntegers", args: [{ column: "a", exact: true }, { column: "f" }] }],
    ["numbers added to integers", { call: "add", args: [{ column: "a", exact: true }, { number: 1 }] }],
    ["a choice of both", { call: "coalesce", args: [{ column: "a", exact: true }, { number: 1 }] }],
  ])("does not run: %s", (_, expression) => {
    const types = new Map([["a", "integer"] as const, ["f", "number"] as const]);
    expect(() => compileExpression(expression, types, "step `x`")).toThrow("step `x`: ");
  });
});
