// Expressions as Spark's workers run them (`tools/merlon_expressions.py`) and as the kernels do: the same values, function by function and in
// random functions.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { expect, test } from "vitest";
import { compileExpression } from "#runtime/expression/compile-expression.js";
import { toColumn as columnOf, toVector } from "#runtime/expression/vector.js";
import { rootRows } from "#runtime/plan/table.js";
import type { DType } from "#triton-protos/datatype.js";
import type { Expression } from "#triton-protos/expression.js";
import { FUNCTION_NAMES, functionRow, type ValueType } from "#triton-protos/expression-functions.js";
import { dtypeOf, valueTypeOf } from "#triton-protos/expression-type.js";
import { type Cell, fromColumn, toColumn } from "../etl/table-values.js";
import { schemaOf } from "../etl/workflow-plan.js";
import { cells } from "./random-cells.js";
import { COLUMNS, exactFunction } from "./random-function.js";
import { readFunction } from "./read-function.js";

interface Case {
  readonly expression: Expression;
  readonly types: Readonly<Record<string, string>>;
  readonly cells: Readonly<Record<string, readonly Cell[]>>;
  readonly dtype: DType;
  readonly what: string;
}

const RUNNER = `
import json, math, sys
sys.path.insert(0, sys.argv[1])
from merlon_expressions import expression_rows
sys.setrecursionlimit(10000)
cell = lambda x: [cell(i) for i in x] if isinstance(x, list) else {"inf": math.inf, "-inf": -math.inf}.get(x, x)
text = lambda x: str(x) if type(x) is int and abs(x) >= 2**53 else x if type(x) is not float or math.isfinite(x) else "inf" if x > 0 else "-inf"
out = []
for case in json.load(sys.stdin):
    run = expression_rows(case["expression"], case["columns"], case["dtype"])
    out.append([text(x) for x in run(*[[cell(x) for x in column] for column in case["cells"]])])
json.dump(out, sys.stdout)
`;

function throughPython(cases: readonly Case[]): readonly (readonly Cell[])[] {
  const given = cases.map(({ expression, types, cells: rows, dtype }) => ({
    expression,
    columns: schemaOf(types).map(({ name, list }) => [name, list !== undefined]),
    dtype,
    cells: Object.keys(types).map(name => rows[name]),
  }));
  const python = process.env.MERLON_TEST_PYTHON ?? "python3";
  const tools = fileURLToPath(new URL("../../tools/", import.meta.url));
  const answer = execFileSync(python, ["-c", RUNNER, tools], { input: JSON.stringify(given), maxBuffer: 2 ** 28 });
  return JSON.parse(answer.toString()) as Cell[][];
}

function throughKernel({ expression, types, cells: rows, dtype, what }: Case): readonly Cell[] {
  const count = Object.values(rows)[0]!.length;
  const root = rootRows(count);
  const schema = schemaOf(types);
  const known = new Map(schema.map(col => [col.name, valueTypeOf(col)!]));
  const vectors = new Map(schema.map(col => [col.name, toVector(toColumn(col, rows[col.name]!, root), what)]));
  return fromColumn(columnOf(compileExpression(expression, known, what).run(vectors, count), dtype, root));
}

/** Python's and the engine's logarithms differ in the last bits. */
function expectSame(cases: readonly Case[]): void {
  const python = throughPython(cases);
  for (const [i, one] of cases.entries()) {
    const expected = throughKernel(one);
    expect(python[i]!.length, one.what).toBe(expected.length);
    for (const [row, value] of expected.entries()) {
      const found = python[i]![row]!;
      const where = () => `${one.what} in row ${row}: ${JSON.stringify(Object.values(one.cells).map(c => c[row]))}`;
      if (typeof value === "number" && typeof found === "number")
        expect(Math.abs(found - value) <= 4e-16 * Math.abs(value), `${where()}: ${found}, not ${value}`).toBe(true);
      else expect(found, where()).toEqual(value);
    }
  }
}

const NUMBERS: readonly Cell[] = [
  null,
  ...[
    0,
    -0,
    1,
    -1,
    0.5,
    -0.5,
    2.5,
    -2.5,
    0.49999999999999994,
    1.7e12,
    -62_167_219_200_001,
    2 ** 53,
    1e21,
    123456789e-15,
  ],
  ...[1e-7, 3, 7, 100, -3, 1e300, -1e300, 8.64e15, 8.65e15, "inf", "-inf", 0.1, 4, -7.9, 1714566896789.9],
];
const TEXTS: readonly Cell[] = [
  null,
  ...[
    "",
    "a",
    "é😀",
    "😀",
    "İstanbul ΑΣ",
    " pad\u00a0\ufeff",
    "x.y.z",
    "B c",
    "12",
    " -1.5e3 ",
    "0x1F",
    "0b2",
    "Infinity",
    "1_0",
  ],
  ...["+.5", "1.", ".", "-0x1", "e", "aaa", "ß", "\n7\t"],
];
const FLAGS: readonly Cell[] = [null, true, false];
const POOLS: Readonly<Record<ValueType, readonly Cell[]>> = {
  number: NUMBERS,
  text: TEXTS,
  flag: FLAGS,
  numbers: [[], [1], [1, null, 3], [0, -1, 2, 1e9]],
  texts: [[], ["a"], ["", null, "😀"], ["x", "a", "b"]],
};
const TYPE_NAMES = { number: "float64", text: "string", flag: "bool", numbers: "list<float64>", texts: "list<string>" };

/** Every combination of values, or as many of them as there is time for, at even distances. */
function combinations(types: readonly ValueType[], most: number): Record<string, Cell[]> {
  const total = types.reduce((product, type) => product * POOLS[type].length, 1);
  const step = Math.max(1, Math.floor(total / most) | 1);
  const rows = Array.from({ length: Math.ceil(total / step) }, (_, i) => i * step);
  let below = 1;
  return Object.fromEntries(
    types.map((type, i) => {
      const at = below;
      below *= POOLS[type].length;
      return [`x${i}`, rows.map(row => POOLS[type][Math.floor(row / at) % POOLS[type].length]!)];
    }),
  );
}

const SCALARS = ["number", "text", "flag"] as const;

function casesOf(name: (typeof FUNCTION_NAMES)[number]): Case[] {
  const { args, optional, rest } = functionRow(name);
  const lengths = [...new Set([args.length - optional, args.length, ...(rest ? [3] : [])])].filter(n => n > 0);
  const generic = args.some(arg => arg === "same" || arg === "scalar");
  return (generic ? SCALARS : [undefined]).flatMap(scalar =>
    lengths.map(length => {
      const types = Array.from({ length }, (_, i) => {
        const arg = args[Math.min(i, args.length - 1)]!;
        return arg === "same" || arg === "scalar" ? scalar! : arg;
      });
      const columns = Object.fromEntries(types.map((type, i) => [`x${i}`, TYPE_NAMES[type]]));
      const expression: Expression = { call: name, args: types.map((_, i) => ({ column: `x${i}` })) };
      const known = new Map(types.map((type, i) => [`x${i}`, type]));
      // Of a list there is no column: its items are asked for.
      const made = compileExpression(expression, known, name).type;
      const whole: Expression =
        made === "texts"
          ? { call: "textsAt", args: [expression, { number: 1 }] }
          : made === "text"
            ? { call: "coalesce", args: [expression, { text: "none" }] }
            : expression;
      const dtype = dtypeOf(compileExpression(whole, known, name).type);
      return { expression: whole, types: columns, cells: combinations(types, 400), dtype, what: `${name}(${types})` };
    }),
  );
}

test("every function", () => {
  expectSame(FUNCTION_NAMES.flatMap(casesOf));
});

test("random functions, and numbers as integers", () => {
  const functions = fc.sample(exactFunction, { numRuns: 400, seed: 20_261_126 });
  const given = fc.sample(cells(20), { numRuns: 20, seed: 20_261_126 });
  const dtypes = { number: "float64", text: "string", flag: "bool" } as const;
  const random = functions.map(({ kind, text }, i): Case => {
    const rows = given[i % given.length]!;
    return { expression: readFunction(text, COLUMNS), types: COLUMNS, cells: rows, dtype: dtypes[kind], what: text };
  });
  const whole = (["int8", "uint16", "int32", "int64", "float32"] as const).map(
    (dtype): Case => ({
      expression: { column: "x0" },
      types: { x0: "float64" },
      cells: { x0: [...NUMBERS] },
      dtype,
      what: dtype,
    }),
  );
  expectSame([...random, ...whole]);
});
