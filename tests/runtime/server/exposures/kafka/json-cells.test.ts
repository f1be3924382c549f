// Values that JSON has no form for, repeated values, and lists.
import { describe, expect, test } from "vitest";
import type { PageValues, ParquetColumn, Texts } from "#formats/tables/parquet-page.js";
import { jsonCells } from "#runtime/server/exposures/kafka/json-cells.js";
import { toHalves } from "#triton-protos/float16.js";

const texts = (...all: readonly string[]): Texts => ({
  bytes: Buffer.from(all.join("")),
  lengths: Int32Array.from(all, text => Buffer.byteLength(text)),
});

function printed(column: Omit<ParquetColumn, "name">, values: PageValues, rows: number, listCounts?: Int32Array) {
  const next = jsonCells({ name: "x", ...column }, { values, listCounts });
  return Array.from({ length: rows }, next);
}

describe("values", () => {
  test("integers of 64 bits have all digits", () => {
    const values = BigInt64Array.of(2n ** 63n - 1n, -(2n ** 63n));
    expect(printed({ dtype: "int64" }, { values }, 2)).toEqual(["9223372036854775807", "-9223372036854775808"]);
    expect(printed({ dtype: "uint64" }, { values: BigUint64Array.of(2n ** 64n - 1n) }, 1)).toEqual([
      "18446744073709551615",
    ]);
  });
  test("floats: NaN is null, infinities are texts, and the sign of zero stays", () => {
    const values = Float64Array.of(0.1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 1e300);
    const cells = ["0.1", "null", '"Infinity"', '"-Infinity"', "-0.0", "1e+300"];
    expect(printed({ dtype: "float64" }, { values }, 6)).toEqual(cells);
    expect(Object.is(JSON.parse(cells[4]!), -0)).toBe(true);
  });
  test("float32 and float16 have their exact values", () => {
    expect(printed({ dtype: "float32" }, { values: Float32Array.of(0.1) }, 1)).toEqual([String(Math.fround(0.1))]);
    expect(printed({ dtype: "float16" }, { values: toHalves([0.1, -2]) }, 2)).toEqual(["0.0999755859375", "-2"]);
  });
  test("bools, texts and times", () => {
    expect(printed({ dtype: "bool" }, { values: Uint8Array.of(1, 0) }, 2)).toEqual(["true", "false"]);
    const text = 'a "quote", ü, \u{1f600} and \u0000';
    expect(printed({ dtype: "string" }, { values: texts("", text) }, 2).map(cell => JSON.parse(cell))).toEqual([
      "",
      text,
    ]);
    const values = BigInt64Array.of(1_700_000_000_000_007n, 0n);
    expect(printed({ dtype: "int64", timestamp: true }, { values }, 2)).toEqual([
      '"2023-11-14T22:13:20.000007Z"',
      '"1970-01-01T00:00:00.000000Z"',
    ]);
  });
  test("nulls keep their place", () => {
    const present = Uint8Array.of(0, 1, 0);
    expect(printed({ dtype: "string" }, { values: texts("x", "y", "z"), present }, 3)).toEqual(["null", '"y"', "null"]);
  });
});

test("a value is repeated, also no times", () => {
  const values = { values: texts("a", "b", "c"), counts: Int32Array.of(2, 0, 1) };
  expect(printed({ dtype: "string" }, values, 3)).toEqual(['"a"', '"a"', '"c"']);
});

describe("lists", () => {
  const values = {
    values: Int32Array.of(1, 2, 3),
    present: Uint8Array.of(1, 0, 1),
    lengths: Int32Array.of(2, 0, -1, 1),
  };
  test("are empty, null, or have nulls", () => {
    expect(printed({ dtype: "int32", list: true }, values, 4)).toEqual(["[1,null]", "[]", "null", "[3]"]);
  });
  test("are repeated", () => {
    const cells = printed({ dtype: "int32", list: true }, values, 4, Int32Array.of(2, 1, 0, 1));
    expect(cells).toEqual(["[1,null]", "[1,null]", "[]", "[3]"]);
  });
  test("of one repeated text", () => {
    const sources = { values: texts("s"), counts: Int32Array.of(3), lengths: Int32Array.of(1, 1, 1) };
    expect(printed({ dtype: "string", list: true }, sources, 3)).toEqual(['["s"]', '["s"]', '["s"]']);
  });
});
