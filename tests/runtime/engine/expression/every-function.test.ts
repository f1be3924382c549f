/** Every function over columns, literals and missing values: its loop has the value of its meaning on single values (`evaluateExpression`), row by row. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { evaluateExpression } from "#contract/evaluate-expression.js";
import type { Expression } from "#contract/expression.js";
import {
  FUNCTION_NAMES,
  type FunctionName,
  functionRow,
  type Value,
  type ValueType,
} from "#contract/expression-functions.js";
import { typeOf } from "#contract/expression-type.js";
import { compileExpression } from "#runtime/engine/expression/compile-expression.js";
import { toVector, valueAt } from "#runtime/engine/expression/vector.js";
import type { DType } from "#triton-protos/datatype.js";
import { type Item, lists, scalars } from "../../../operators/step.js";

const integer = fc.oneof(
  fc.bigInt({ min: -9n, max: 9n }),
  fc.constantFrom(2n ** 53n, -(2n ** 53n) - 1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 32n, -1n),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
);
const number = fc.oneof(
  fc.constantFrom(0, -0, 1, -1, 2.5, 3, 1e300, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2 ** 63, -(2 ** 63)),
  fc.integer({ min: -4, max: 9 }),
  fc.double({ noNaN: true }),
);
const text = fc.oneof(fc.constantFrom("", "a", "ab", "A é😀", "1e3"), fc.string({ maxLength: 5, unit: "grapheme" }));
const VALUES: Readonly<Record<"number" | "integer" | "text" | "flag", fc.Arbitrary<Exclude<Item, null>>>> = {
  ...{ number, integer, text, flag: fc.boolean() },
};
const ITEM = { numbers: "number", integers: "integer", texts: "text" } as const;
const DTYPES: Readonly<Record<ValueType, DType>> = {
  ...{ number: "float64", integer: "int64", text: "string", flag: "bool" },
  ...{ numbers: "float64", integers: "int64", texts: "string" },
};
const isList = (type: ValueType): type is keyof typeof ITEM => type in ITEM;

/** Values of an argument in each row: a column, one literal for all, or `undefined`. */
interface Argument {
  readonly type: ValueType;
  readonly as: "column" | "literal" | "missing";
  readonly rows: readonly unknown[];
}

const ROWS = 6;
const argument = (type: ValueType): fc.Arbitrary<Argument> => {
  const one = isList(type)
    ? fc.array(fc.option(VALUES[ITEM[type]], { freq: 5 }), { maxLength: 3 })
    : fc.option(VALUES[type], { freq: 4 });
  const forms = fc.constantFrom(...(["column", "column", "literal", ...(isList(type) ? [] : ["missing"])] as const));
  return fc.record({
    ...{ type: fc.constant(type), as: forms as fc.Arbitrary<Argument["as"]> },
    rows: fc.array<unknown>(one as fc.Arbitrary<unknown>, { minLength: ROWS, maxLength: ROWS }),
  });
};

const argumentsOf = (name: FunctionName): fc.Arbitrary<readonly Argument[]> => {
  const { args, optional, rest } = functionRow(name);
  const scalar = fc.constantFrom<ValueType>("number", "integer", "text", "flag");
  const counts = fc.integer({ min: args.length - optional, max: args.length + (rest ? 2 : 0) });
  return fc.tuple(counts, scalar).chain(([count, same]) =>
    fc.tuple(
      ...Array.from({ length: count }, (_, i) => {
        const wanted = args[Math.min(i, args.length - 1)]!;
        return argument(wanted === "same" || wanted === "scalar" ? same : wanted);
      }),
    ),
  );
};

/** The literal of an argument's first value, where expressions have one. */
function literal({ type, rows: [value] }: Argument): Expression | undefined {
  if (value === null) return undefined;
  if (type === "number") return { number: Number.isFinite(value) ? value : String(value) } as Expression;
  if (type === "integer") return { integer: String(value) } as Expression;
  if (type === "text") return { text: value as string };
  if (type === "flag") return { flag: value as boolean };
  const items = value as readonly Item[];
  // An empty list is one of numbers.
  if (items.includes(null) || items.length === 0) return undefined;
  if (type === "integers") return { integers: items.map(String) } as Expression;
  return { list: items } as Expression;
}

const nothing = (value: unknown): Value =>
  (Array.isArray(value) ? value.map(item => item ?? undefined) : (value ?? undefined)) as Value;
const shown = (value: Value): unknown => (typeof value === "number" && Number.isNaN(value) ? undefined : value);

function check(name: FunctionName, given: readonly Argument[]): void {
  const columns = given.map(({ type, rows }) =>
    isList(type) ? lists(DTYPES[type], rows as Item[][]) : scalars(DTYPES[type], rows as Item[]),
  );
  // `lists` has no nulls: 0 or "" and a validity.
  given.forEach(({ type, rows }, i) => {
    if (!isList(type)) return;
    const items = (rows as Item[][]).flat();
    Object.assign(columns[i]!, { validity: Uint8Array.from(items, item => Number(item !== null)) });
  });
  const args = given.map((one, i): Expression => {
    const read = { column: `c${i}`, ...((one.type === "integer" || one.type === "integers") && { exact: true }) };
    if (one.as === "missing") return { missing: true } as Expression;
    return (one.as === "literal" && literal(one)) || (read as Expression);
  });
  const expression = { call: name, args } as Expression;
  const types = new Map(given.map(({ type }, i) => [`c${i}`, type]));
  typeOf(expression, types);
  const vectors = new Map(columns.map((column, i) => [`c${i}`, toVector(column, `c${i}`)]));
  const made = compileExpression(expression, types, "step `s`").run(vectors, ROWS);
  const found = Array.from({ length: ROWS }, (_, row) => shown(valueAt(made, row)));
  const expected = Array.from({ length: ROWS }, (_, row) =>
    shown(evaluateExpression(expression, new Map(given.map(({ rows }, i) => [`c${i}`, nothing(rows[row])])))),
  );
  expect(found, JSON.stringify(expression)).toEqual(expected);
}

describe("in columns as row by row", () => {
  test.each(FUNCTION_NAMES)("%s", name => {
    fc.assert(
      fc.property(argumentsOf(name), given => check(name, given)),
      { numRuns: 60 },
    );
  });
});

describe("an expression that cannot be compiled", () => {
  test("names the step, the reason and the repair", () => {
    expect(() => compileExpression({ column: "x" }, new Map(), "step `s`")).toThrow(
      "step `s`: there is no column `x`. Build the plan again with `merlon build`.",
    );
  });
  test("passes a fault of the program on as it is", () => {
    const fault = new TypeError("a fault of the program");
    const columns = new Map<string, ValueType>();
    columns.get = () => {
      throw fault;
    };
    expect(() => compileExpression({ column: "x" }, columns, "step `s`")).toThrow(fault);
  });
});
