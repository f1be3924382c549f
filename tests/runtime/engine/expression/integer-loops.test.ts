// Loops over integers, in doubles and in 64-bit words, against the functions row by row.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type FunctionName, functionRow, type Value } from "#contract/expression-functions.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { integerLoop } from "#runtime/engine/expression/integer-loops.js";
import {
  fromIntegers,
  fromWords,
  integerAt,
  integerColumn,
  isSafe,
  largest,
  repeated,
  SAFE,
  toIntegers,
  toWide,
  widen,
} from "#runtime/engine/expression/integer-vector.js";
import type { IntegerVector } from "#runtime/engine/expression/vector-kinds.js";
import { plain } from "../../../operators/step.js";

const UNARY = ["negateInteger", "absInteger"] as const satisfies readonly FunctionName[];
const BINARY = [
  ...(["addIntegers", "subtractIntegers", "multiplyIntegers", "remainderIntegers", "truncDivideIntegers"] as const),
  ...(["floorDivideIntegers", "maxIntegers", "minIntegers", "coalesce", "equal", "notEqual"] as const),
  ...(["lessIntegers", "lessOrEqualIntegers", "greaterIntegers", "greaterOrEqualIntegers"] as const),
] satisfies readonly FunctionName[];

const EDGES = [
  0n,
  1n,
  -1n,
  2n,
  -3n,
  2n ** 31n,
  2n ** 32n,
  -(2n ** 32n),
  2n ** 53n - 1n,
  2n ** 53n,
  -(2n ** 53n),
  2n ** 63n - 1n,
  -(2n ** 63n),
];
const int64 = fc.oneof(
  fc.constantFrom(...EDGES),
  fc.bigInt({ min: -9n, max: 9n }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
);
const small = fc.oneof(
  fc.constantFrom(...EDGES.filter(n => n < 2n ** 53n && n > -(2n ** 53n))),
  fc.bigInt({ min: -9n, max: 9n }),
);
type Cell = bigint | undefined;
const cells = (of: fc.Arbitrary<bigint>, rows: number) =>
  fc.array(fc.option(of, { nil: undefined, freq: 4 }), { minLength: rows, maxLength: rows });

const asDoubles = (all: readonly Cell[]): IntegerVector => {
  const values = Float64Array.from(all, cell => (cell === undefined ? Number.NaN : Number(cell)));
  return { type: "integer", values, bound: largest(values) };
};
const asWords = (all: readonly Cell[]): IntegerVector => ({
  type: "integer",
  values: BigInt64Array.from(all, cell => cell ?? 77n),
  ...(all.includes(undefined) && { validity: Uint8Array.from(all, cell => (cell === undefined ? 0 : 1)) }),
});
const cellsOf = (vector: IntegerVector): Cell[] =>
  Array.from({ length: vector.values.length }, (_, row) => integerAt(vector, row));
/** Doubles where all are exact there, or words. */
const vector = (rows: number) =>
  fc.oneof(
    cells(small, rows).map(all => [all, asDoubles(all)] as const),
    cells(int64, rows).map(all => [all, asWords(all)] as const),
  );

function rowByRow(name: FunctionName, args: readonly (readonly Cell[])[]): unknown[] {
  const apply = functionRow(name).apply as unknown as (...values: Value[]) => Value;
  return args[0]!.map((_, row) => apply(...args.map(arg => arg[row])));
}
function found(name: FunctionName, args: readonly IntegerVector[], rows: number): unknown[] {
  const made = integerLoop(name)!(args, rows);
  return made.type === "flag"
    ? Array.from(made.values as Uint8Array, flag => flag === 1)
    : cellsOf(withoutNegativeZero(made as IntegerVector));
}
/** An integer has one zero: as a double, it would be divided by. */
function withoutNegativeZero(vector: IntegerVector): IntegerVector {
  expect(Array.from<unknown>(vector.values).some(value => Object.is(value, -0))).toBe(false);
  return vector;
}

test.each(UNARY)("%s", name => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }).chain(vector), ([all, given]) => {
      const before = cellsOf(given);
      expect(found(name, [given], all.length)).toEqual(rowByRow(name, [all]));
      expect(cellsOf(given)).toEqual(before);
    }),
    { numRuns: 200 },
  );
});

test.each(BINARY)("%s", name => {
  const two = fc.integer({ min: 1, max: 5 }).chain(rows => fc.tuple(vector(rows), vector(rows)));
  fc.assert(
    fc.property(two, ([[a, x], [b, y]]) => {
      const before = [cellsOf(x), cellsOf(y)];
      expect(found(name, [x, y], a.length)).toEqual(rowByRow(name, [a, b]));
      expect([cellsOf(x), cellsOf(y)]).toEqual(before);
    }),
    { numRuns: 300 },
  );
});

describe("vectors", () => {
  const all = fc.integer({ min: 1, max: 6 }).chain(rows => fc.oneof(cells(small, rows), cells(int64, rows)));
  test("of words, of one integer, in words again, as doubles and as columns", () => {
    fc.assert(
      fc.property(all, given => {
        const { values, validity } = asWords(given) as { values: BigInt64Array; validity?: Uint8Array };
        const read = fromWords(values, validity);
        expect(cellsOf(read)).toEqual(given);
        if (isSafe(read))
          for (const cell of given) expect(Math.abs(Number(cell ?? 0n))).toBeLessThanOrEqual(read.bound);
        expect(cellsOf(toWide(read))).toEqual(given);
        expect([...widen(read).values]).toEqual(given.map(cell => (cell === undefined ? Number.NaN : Number(cell))));
        const nulls = given.map(cell => cell ?? null);
        for (const [dtype, least, most] of [
          ["int8", -128n, 127n],
          ["uint16", 0n, 65_535n],
          ["int32", -(2n ** 31n), 2n ** 31n - 1n],
          ["uint64", 0n, 2n ** 64n - 1n],
          ["int64", -(2n ** 63n), 2n ** 63n - 1n],
        ] as const) {
          const fitting = nulls.map(cell =>
            cell === null || cell < least || cell > most ? null : dtype.endsWith("64") ? cell : Number(cell),
          );
          expect(plain(integerColumn(toWide(read), dtype, rootRows(given.length)))).toEqual(fitting);
        }
      }),
      { numRuns: 300 },
    );
    fc.assert(fc.property(int64, one => void expect(cellsOf(repeated(one, 3))).toEqual([one, one, one])));
  });
  test("of one integer a row, whose bound is that of the largest", () => {
    fc.assert(
      fc.property(all, given => {
        const made = fromIntegers(given.length, row => given[row]);
        expect(cellsOf(made)).toEqual(given);
        const far = given.map(cell => Math.abs(Number(cell ?? 0n)));
        expect(isSafe(made) ? made.bound : undefined).toBe(isSafe(made) ? Math.max(...far) : undefined);
        expect(isSafe(made)).toBe(Math.max(...far) <= SAFE);
      }),
      { numRuns: 300 },
    );
  });
  test("of numbers: without their fraction, and missing where they have more than 64 bits", () => {
    const number = fc.oneof(
      fc.double(),
      fc.double({ min: -(2 ** 64), max: 2 ** 64 }),
      fc.constantFrom(2 ** 63, -(2 ** 63), 2 ** 53, SAFE, -0.5, Number.NaN),
    );
    fc.assert(
      fc.property(fc.array(number, { maxLength: 5 }), given => {
        const expected = given.map(x =>
          Number.isNaN(x) || x >= 2 ** 63 || x < -(2 ** 63) ? undefined : BigInt(Math.trunc(x)),
        );
        expect(cellsOf(toIntegers({ type: "number", values: Float64Array.from(given) }))).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });
});
