// Texts beside values, which are Python's `str` of them.
import { expect, test } from "vitest";
import { valueText } from "#runtime/stores/feast/value-text.js";

/** `repr` of CPython. */
test.each([
  [0, "0.0"],
  [-0, "-0.0"],
  [1, "1.0"],
  [-1, "-1.0"],
  [0.1, "0.1"],
  [-1.5, "-1.5"],
  [100, "100.0"],
  [123_456.789, "123456.789"],
  [0.001, "0.001"],
  [0.0001, "0.0001"],
  [-0.000123, "-0.000123"],
  [0.00012345678901234567, "0.00012345678901234567"],
  [0.00001, "1e-05"],
  [0.0000999, "9.99e-05"],
  [-1.5e-7, "-1.5e-07"],
  [1e-10, "1e-10"],
  [5e-324, "5e-324"],
  [2.5e-300, "2.5e-300"],
  [1e15, "1000000000000000.0"],
  [9_999_999_999_999_998, "9999999999999998.0"],
  [1e16, "1e+16"],
  [12_345_678_901_234_568, "1.2345678901234568e+16"],
  [-1e22, "-1e+22"],
  [1.5e100, "1.5e+100"],
  [1.7976931348623157e308, "1.7976931348623157e+308"],
  [Number.NaN, "nan"],
  [Number.POSITIVE_INFINITY, "inf"],
  [Number.NEGATIVE_INFINITY, "-inf"],
])("DOUBLE %d is %s", (value, text) => {
  expect(valueText("DOUBLE", value)).toBe(text);
});
