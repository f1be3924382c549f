/** Columns as operands of expressions, and operands as columns, every dtype with and without nulls, and the logic of flags, as JavaScript has them. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rootRows } from "#runtime/base/columns/table.js";
import { flagLoop } from "#runtime/engine/expression/flag-loops.js";
import { fromValues, toColumn, toVector, valueAt } from "#runtime/engine/expression/vector.js";
import type { Vector } from "#runtime/engine/expression/vector-kinds.js";
import type { DType } from "#triton-protos/datatype.js";
import { type Item, lists, plain, scalars, vectors } from "../../../operators/step.js";

const SAFE = Number.MAX_SAFE_INTEGER;
const whole = (min: number, max: number) => fc.integer({ min, max });
const wide = (min: bigint, max: bigint) => fc.oneof(fc.bigInt({ min, max }), whole(0, 9).map(BigInt));
const ITEMS = {
  bool: fc.boolean(),
  int8: whole(-128, 127),
  uint8: whole(0, 255),
  int16: whole(-(2 ** 15), 2 ** 15 - 1),
  uint16: whole(0, 2 ** 16 - 1),
  int32: whole(-(2 ** 31), 2 ** 31 - 1),
  uint32: whole(0, 2 ** 32 - 1),
  int64: wide(-(2n ** 63n), 2n ** 63n - 1n),
  float32: fc.float({ noNaN: true }),
  float64: fc.double({ noNaN: true }),
  string: fc.string({ maxLength: 3 }),
} satisfies Partial<Record<DType, fc.Arbitrary<Item>>>;
type Name = keyof typeof ITEMS;
const dtypes = Object.keys(ITEMS) as Name[];
const itemOf = (dtype: Name): fc.Arbitrary<Item> => ITEMS[dtype] as fc.Arbitrary<Item>;
const isFloat = (dtype: Name): boolean => dtype.startsWith("float");

/** The value of a row: integers are exact. */
const exact = (dtype: Name, item: Item): unknown => {
  if (item === null) return undefined;
  return typeof item === "number" && !isFloat(dtype) ? BigInt(item) : item;
};
/** The cell of the column that is made: flags are bytes, and floats have NaN for a null. */
const cellOf = (dtype: Name, item: Item): unknown => {
  if (item === null) return isFloat(dtype) ? Number.NaN : null;
  return typeof item === "boolean" ? Number(item) : item;
};

describe.each(dtypes)("a column of %s", dtype => {
  const cells = fc.array(fc.option(itemOf(dtype), { freq: 4 }), { minLength: 1, maxLength: 6 });

  test("has the values of its rows, and becomes the same column", () => {
    fc.assert(
      fc.property(cells, items => {
        const column = scalars(dtype, items);
        const vector = toVector(column, "c");
        expect(items.map((_, i) => valueAt(vector, i))).toEqual(items.map(item => exact(dtype, item)));
        const back = toColumn(vector, dtype, column.rows);
        expect(plain(back)).toEqual(items.map(item => cellOf(dtype, item)));
        expect(back.dtype).toBe(dtype);
        expect(back.values.constructor).toBe(column.values.constructor);
        if (!items.includes(null)) expect(back.validity).toBeUndefined();
        // A flag that is missing is 0 beneath its validity, never the mark of a missing one.
        if (dtype === "bool") expect(Math.max(...(back.values as Uint8Array))).toBeLessThan(2);
      }),
    );
  });
});

describe.each(dtypes.filter(name => name !== "bool"))("a column of lists of %s", dtype => {
  test("has the lists of its rows, of any length or of one", () => {
    const rows = fc.array(fc.array(itemOf(dtype), { maxLength: 3 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(rows, items => {
        const vector = toVector(lists(dtype, items), "c");
        expect(items.map((_, i) => valueAt(vector, i))).toEqual(
          items.map(list => list.map(item => exact(dtype, item))),
        );
      }),
    );
    const pairs = fc.array(fc.tuple(itemOf(dtype), itemOf(dtype)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(pairs, items => {
        const vector = toVector(vectors(dtype, items, 2), "c");
        expect(items.map((_, i) => valueAt(vector, i))).toEqual(
          items.map(list => list.map(item => exact(dtype, item))),
        );
      }),
    );
  });
});

describe("a number", () => {
  const RANGES = {
    ...{ int8: [-128, 127], uint8: [0, 255], int16: [-32_768, 32_767], uint16: [0, 65_535] },
    ...{
      int32: [-(2 ** 31), 2 ** 31 - 1],
      uint32: [0, 2 ** 32 - 1],
      int64: [-(2 ** 63), 2 ** 63],
      uint64: [0, 2 ** 64],
    },
  } as const;
  test.each(Object.entries(RANGES))(
    "becomes %s without its fraction, or a null outside of the range",
    (name, [low, high]) => {
      const dtype = name as keyof typeof RANGES;
      const near = fc.tuple(fc.constantFrom(low, high, 0), fc.double({ min: -2, max: 2, noNaN: true }));
      const numbers = fc.array(
        fc.oneof(
          fc.double(),
          near.map(([at, by]) => at + by),
        ),
        { minLength: 1, maxLength: 8 },
      );
      fc.assert(
        fc.property(numbers, values => {
          const rows = rootRows(values.length);
          const column = toColumn({ type: "number", values: Float64Array.from(values) }, dtype, rows);
          const isWide = dtype.endsWith("64");
          const wanted = values.map(value => {
            const cut = Math.trunc(value);
            if (Number.isNaN(value) || cut < low || (isWide ? cut >= high : cut > high)) return null;
            return isWide ? BigInt(cut) : cut + 0;
          });
          expect(plain(column)).toEqual(wanted);
          expect(column.validity !== undefined).toBe(wanted.includes(null));
          expect(column.rows).toBe(rows);
        }),
      );
    },
  );
});

describe("values that are computed row by row", () => {
  const number = fc.option(fc.double({ noNaN: true }), { nil: undefined });
  const integer = fc.option(whole(-SAFE, SAFE), { nil: undefined });
  const text = fc.option(fc.string({ maxLength: 3 }), { nil: undefined });
  const listOf = (item: fc.Arbitrary<unknown>) => fc.option(fc.array(item, { maxLength: 3 }), { nil: undefined });
  const TYPES = {
    ...{ flag: fc.option(fc.boolean(), { nil: undefined }), text, number, integer },
    ...{ texts: listOf(text), numbers: listOf(number), integers: listOf(integer) },
  };
  test.each(Object.entries(TYPES))("are the same as %s", (type, value) => {
    fc.assert(
      fc.property(fc.array(value as fc.Arbitrary<unknown>, { maxLength: 5 }), values => {
        const vector = fromValues(type as keyof typeof TYPES, values.length, row => values[row] as never);
        expect(vector.type).toBe(type);
        const big = (given: unknown): unknown =>
          Array.isArray(given) ? given.map(big) : typeof given === "number" ? BigInt(given) : given;
        const wanted = type.startsWith("integer") ? values.map(big) : values;
        expect(values.map((_, i) => valueAt(vector, i))).toEqual(wanted);
      }),
    );
  });
});

describe("flags", () => {
  const ALL = [true, false, undefined];
  const flags = (values: readonly (boolean | undefined)[]) => fromValues("flag", values.length, row => values[row]);
  const pairs = ALL.flatMap(a => ALL.map(b => [a, b] as const));
  test.each([
    ["and", (a: unknown, b: unknown) => a && b],
    ["or", (a: unknown, b: unknown) => a || b],
    ["not", (a: unknown) => !a],
  ] as const)("have JavaScript's %s, missing ones too", (name, logic) => {
    const [a, b] = [pairs.map(pair => pair[0]), pairs.map(pair => pair[1])];
    const args = (name === "not" ? [flags(a)] : [flags(a), flags(b)]) as never;
    const found = flagLoop(name)!(args, pairs.length);
    expect(pairs.map((_, i) => valueAt(found, i))).toEqual(pairs.map(([x, y]) => logic(x, y)));
    expect(found.values.length).toBe(pairs.length);
  });
  test("have no loop for other functions", () => expect(flagLoop("add")).toBeUndefined());
});

test("a vector of lists cannot become a column", () => {
  const lists = { type: "numbers", items: Float64Array.of(1), offsets: Int32Array.of(0, 1) } as unknown as Vector;
  expect(() => toColumn(lists, "float64", rootRows(1))).toThrow("an expression made a list.");
});
