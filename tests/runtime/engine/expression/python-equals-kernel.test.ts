// Expressions as Spark's workers run them (`tools/merlon_expressions.py`) and as the kernels do: the same values, function by function and in
// random functions.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Expression } from "#contract/expression.js";
import { FUNCTION_NAMES, functionRow, type ValueType } from "#contract/expression-functions.js";
import { dtypeOf, valueTypeOf } from "#contract/expression-type.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { compileExpression } from "#runtime/engine/expression/compile-expression.js";
import { toColumn as columnOf, toVector } from "#runtime/engine/expression/vector.js";
import { PYTHONS, pythonOf } from "../../../needs/pythons.js";
import { type Cell, fromColumn, toColumn } from "../../etl/table-values.js";
import { schemaOf } from "../../etl/workflow-plan.js";
import { cells, WIDE } from "./random-cells.js";
import { COLUMNS, DTYPES, exactFunction } from "./random-function.js";
import { readFunction } from "./read-function.js";
import { type Case, throughPython } from "./through-python.js";

function throughKernel({ expression, types, cells: rows, dtype, what }: Case): readonly Cell[] {
  const count = Object.values(rows)[0]!.length;
  const root = rootRows(count);
  const schema = schemaOf(types);
  const known = new Map(schema.map(col => [col.name, valueTypeOf(col)!]));
  const vectors = new Map(schema.map(col => [col.name, toVector(toColumn(col, rows[col.name]!, root), what)]));
  return fromColumn(columnOf(compileExpression(expression, known, what).run(vectors, count), dtype, root));
}

/** Python's and the engine's logarithms differ in the last bits. */
function expectSame(cases: readonly Case[], interpreter: string): void {
  const python = throughPython(cases, interpreter);
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
const INTEGERS: readonly Cell[] = [null, 0, 1, -1, 2, -3, 7, 100, -(2 ** 31), 2 ** 31, ...WIDE];
const FLAGS: readonly Cell[] = [null, true, false];
const POOLS: Readonly<Record<ValueType, readonly Cell[]>> = {
  number: NUMBERS,
  text: TEXTS,
  flag: FLAGS,
  integer: INTEGERS,
  numbers: [[], [1], [1, null, 3], [0, -1, 2, 1e9]],
  integers: [[], ["1234567890123456789"], [1, null, 2 ** 31], ["-9223372036854775808", 0, -3]],
  texts: [[], ["a"], ["", null, "😀"], ["x", "a", "b"]],
};
const TYPE_NAMES: Readonly<Record<ValueType, string>> = {
  number: "float64",
  integer: "int64",
  text: "string",
  flag: "bool",
  numbers: "list<float64>",
  integers: "list<int64>",
  texts: "list<string>",
};

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

const SCALARS = ["number", "integer", "text", "flag"] as const;

const argument = (type: ValueType, column: string): Expression =>
  type === "integer" || type === "integers" ? { column, exact: true } : { column };

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
      const expression: Expression = { call: name, args: types.map((type, i) => argument(type, `x${i}`)) };
      const known = new Map(types.map((type, i) => [`x${i}`, type]));
      // A list has no column: its items are used.
      const made = compileExpression(expression, known, name).type;
      const whole: Expression =
        made === "texts"
          ? { call: "textsAt", args: [expression, { number: 1 }] }
          : made === "text"
            ? { call: "coalesce", args: [expression, { text: "none" }] }
            : expression;
      const { type } = compileExpression(whole, known, name);
      const dtype = type === "integer" ? "int64" : dtypeOf(type);
      return { expression: whole, types: columns, cells: combinations(types, 400), dtype, what: `${name}(${types})` };
    }),
  );
}

test.for(PYTHONS)("every function, on Python %s", (release, { skip }) => {
  const found = pythonOf(release);
  if ("missing" in found) skip(found.missing);
  else expectSame(FUNCTION_NAMES.flatMap(casesOf), found.python);
});

test.for(PYTHONS)("random functions, and numbers as integers, on Python %s", (release, { skip }) => {
  const found = pythonOf(release);
  if ("missing" in found) return skip(found.missing);
  const functions = fc.sample(exactFunction, { numRuns: 400, seed: 20_261_126 });
  const given = fc.sample(cells(20), { numRuns: 20, seed: 20_261_126 });
  const random = functions.map(({ kind, text }, i): Case => {
    const rows = given[i % given.length]!;
    return { expression: readFunction(text, COLUMNS), types: COLUMNS, cells: rows, dtype: DTYPES[kind], what: text };
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
  expectSame([...random, ...whole], found.python);
});
