import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { castValues } from "#runtime/base/columns/cast.js";
import { ancestorIndex, runsOf } from "#runtime/base/columns/row-map.js";
import { gather, rootRows, type Values } from "#runtime/base/columns/table.js";
import { DATATYPES, type DType } from "#triton-protos/datatype.js";
import { candidates, type Item, lists, plain, scalars, vectors } from "../../../operators/step.js";

const items: Partial<Record<DType, Item[]>> = {
  bool: [true, false, true],
  string: ["a", "", "ü"],
  uint64: [2n ** 63n, 0n, 5n],
  int64: [-(2n ** 62n), 1n, 2n],
  float64: [0.1, -1, 3],
};
const values = (dtype: DType): Item[] => items[dtype] ?? [1, 2, 3];

describe("gather", () => {
  test.each(DATATYPES.map(row => row.name))("%s: scalars, vectors and lists", dtype => {
    const [a, b, c] = values(dtype) as [Item, Item, Item];
    const rows = rootRows(4);
    const take = (col: Parameters<typeof gather>[0]) => {
      const made = gather(col, Int32Array.of(2, 0, 2, 1), rows);
      expect([made.rows, made.dtype]).toEqual([rows, dtype]);
      return plain(made);
    };
    const [x, y, z] = plain(scalars(dtype, [a, b, c]));
    expect(take(scalars(dtype, [a, b, c]))).toEqual([z, x, z, y]);
    expect(
      take(
        vectors(
          dtype,
          [
            [a, b],
            [b, c],
            [c, a],
          ],
          2,
        ),
      ),
    ).toEqual([
      [z, x],
      [x, y],
      [z, x],
      [y, z],
    ]);
    expect(take(vectors(dtype, [[a], [b], [c]], 1))).toEqual([[z], [x], [z], [y]]);
    expect(take(lists(dtype, [[a], [], [b, c]]))).toEqual([[y, z], [x], [y, z], []]);
  });
  test("nulls go along", () => {
    expect(plain(gather(scalars("int32", [1, null, 3]), Int32Array.of(1, 2, 1), rootRows(3)))).toEqual([null, 3, null]);
    const list = { ...lists("int32", [[1, 2], [3]]), validity: Uint8Array.of(1, 0, 1) };
    expect(plain(gather(list, Int32Array.of(1, 0), rootRows(2)))).toEqual([[3], [1, null]]);
  });
});

describe("rows", () => {
  const users = rootRows(3);
  const shops = candidates("int32", [[1], [], [2, 3]], users).rows;
  const products = candidates("int32", [[1, 2], [3], []], shops).rows;
  test("each row's ancestor, and each ancestor's run", () => {
    expect([...ancestorIndex(products, users)!]).toEqual([0, 0, 2]);
    expect([...ancestorIndex(products, shops)!]).toEqual([0, 0, 1]);
    expect([...runsOf(products, users)!]).toEqual([0, 2, 2, 3]);
    expect([...runsOf(users, users)!]).toEqual([0, 1, 2, 3]);
  });
  test("strangers", () => {
    expect([ancestorIndex(users, products), runsOf(products, rootRows(3))]).toEqual([undefined, undefined]);
  });
});

describe("casts", () => {
  const cast = (from: DType, to: DType, list: Item[]) => [
    ...(castValues(scalars(from, list).values, from, to, "column `c`") as ArrayLike<unknown> & Iterable<unknown>),
  ];
  test.each([
    ["int32", "int64", [1, -1], [1n, -1n]],
    ["int64", "int32", [2n ** 31n - 1n, -(2n ** 31n)], [2147483647, -2147483648]],
    ["int64", "float32", [5n], [5]],
    ["int64", "float64", [-1n, 2n ** 53n + 1n, -(2n ** 63n)], [-1, 2 ** 53, -(2 ** 63)]],
    ["uint32", "int64", [4294967295, 0], [4294967295n, 0n]],
    ["int8", "int64", [-128, 127], [-128n, 127n]],
    ["bool", "int64", [true, false], [1n, 0n]],
    ["uint8", "int16", [255], [255]],
    ["bool", "float32", [true, false], [1, 0]],
    ["float64", "float32", [0.1], [Math.fround(0.1)]],
    ["uint64", "int64", [7n], [7n]],
    ["float32", "float16", [0.1, -2.5], [0x2e66, 0xc100]],
    ["float16", "float64", [0x2e66, 0xc100], [0.0999755859375, -2.5]],
  ] as const)("%s to %s", (from, to, list, expected) => {
    expect(cast(from, to, [...list])).toEqual(expected);
  });
  test.each([
    ["int64", "int32", [0n, 2n ** 31n], "column `c` holds 2147483648 at place 1, which int32 can not hold."],
    ["int32", "uint8", [-1], "holds -1 at place 0, which uint8 can not hold"],
    ["uint64", "int64", [2n ** 63n], "holds 9223372036854775808 at place 0, which int64 can not hold"],
    ["float32", "int64", [1], "column `c` is float32, expected int64."],
    ["int64", "float16", [1n], "column `c` is int64, expected float16."],
    ["string", "int64", ["1"], "column `c` is string, expected int64."],
  ] as const)("%s to %s does not fit", (from, to, list, text) => {
    expect(() => cast(from, to, [...list])).toThrow(text);
  });
  test("int64 to int32 keeps the value or refuses it, for any value", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), n => {
        const to = (): Values => castValues(BigInt64Array.of(n), "int64", "int32", "c");
        if (BigInt.asIntN(32, n) === n) expect(to()[0]).toBe(Number(n));
        else expect(to).toThrow("can not hold");
      }),
    );
  });
});
