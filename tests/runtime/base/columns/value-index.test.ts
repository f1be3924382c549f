/** The index of distinct values, as a map would answer: integers close together and far apart, at the ends of their dtypes, floats and text. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { allocate, type Column, rootRows, type Values } from "#runtime/base/columns/table.js";
import { indexTuples } from "#runtime/base/columns/tuple-index.js";
import { indexValues } from "#runtime/base/columns/value-index.js";
import { type DType, datatype } from "#triton-protos/datatype.js";

const DTYPES = ["uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float64", "string"] as const;

/** Close numbers, some of them at the end of the dtype, and others. */
function numbers(dtype: DType): fc.Arbitrary<{ known: bigint[]; sought: bigint[] }> {
  const { kind, bytes } = datatype(dtype);
  const bits = BigInt(bytes * 8);
  const [min, max] =
    kind === "uint"
      ? [0n, (1n << bits) - 1n]
      : kind === "int"
        ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n]
        : [-1000n, 1000n];
  const near = fc
    .tuple(
      fc.oneof(fc.constantFrom(min, max), fc.bigInt({ min, max })),
      fc.array(fc.bigInt(-40n, 40n), { minLength: 1 }),
    )
    .map(([base, steps]) => steps.map(step => base + step).filter(v => v >= min && v <= max));
  const far = fc.array(fc.bigInt({ min, max }), { maxLength: 10 });
  return fc.record({ near, far, isDense: fc.boolean() }).map(({ near, far, isDense }) => ({
    known: [...new Set(isDense ? near : [...near, ...far])],
    sought: [...near, ...far, min, max, 0n, ...near.map(v => (v < max ? v + 1n : v))],
  }));
}

function valuesOf(dtype: DType, cells: readonly bigint[]): Values {
  const values = allocate(dtype, cells.length) as { [i: number]: unknown };
  const { kind, bytes } = datatype(dtype);
  for (const [i, cell] of cells.entries())
    values[i] = kind === "string" ? `v${cell}` : bytes === 8 && kind !== "float" ? cell : Number(cell);
  return values as unknown as Values;
}

test.each(DTYPES)("%s", dtype => {
  fc.assert(
    fc.property(numbers(dtype), ({ known, sought }) => {
      fc.pre(known.length > 0);
      const found = indexValues(valuesOf(dtype, known))(valuesOf(dtype, sought));
      expect(Array.from(found)).toEqual(sought.map(v => known.indexOf(v)));
    }),
  );
});

test("tuples of one column and of several, nulls among them", () => {
  const col = (cells: readonly (bigint | null)[]): Column => ({
    dtype: "int64",
    rows: rootRows(cells.length),
    values: BigInt64Array.from(cells, cell => cell ?? 0n),
    validity: Uint8Array.from(cells, cell => (cell === null ? 0 : 1)),
  });
  const [a, b] = [
    [7n, null, 0n, 7n, 9n],
    [1n, 1n, null, 2n, 2n],
  ] as const;
  const one = indexTuples([col([7n, null, 0n])], ["a"], "step `s`");
  expect([...one([col([0n, 8n, null, 7n])])]).toEqual([2, -1, 1, 0]);
  expect([...indexTuples([col([7n, 0n])], ["a"], "step `s`")([col([null, 0n])])]).toEqual([-1, 1]);
  const two = indexTuples([col(a), col(b)], ["a", "b"], "step `s`");
  expect([...two([col([...a, null, 7n]), col([...b, 2n, null])])]).toEqual([0, 1, 2, 3, 4, -1, -1]);
});
