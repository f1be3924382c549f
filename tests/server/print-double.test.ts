/**
 * Doubles in JSON: what is printed reads back as the same number, and is what Triton printed where it was recorded.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { printDouble } from "#runtime/transport/http/tensor-json.js";

test("every finite double reads back as it was", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), value =>
      Object.is(Number(printDouble(value)), value),
    ),
    { numRuns: 5000 },
  );
  fc.assert(
    fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), value =>
      Object.is(Number(printDouble(value)), value),
    ),
    { numRuns: 5000 },
  );
});

// Texts of the recordings (`tests/conformance/data/protocol`).
test.each([
  [Math.fround(0.3), "0.30000001192092898"],
  [Math.fround(-0.1), "-0.10000000149011612"],
  [0.1 + 0.2, "0.30000000000000007"],
  [Math.fround(3.4028235e38), "3.4028234663852887e38"],
  [Math.fround(1e21), "1.0000000200408774e21"],
  [2e300, "2e300"],
  [-0, "-0.0"],
  [7, "7.0"],
  [2 ** 53, "9007199254740992.0"],
  [Number.NaN, "NaN"],
  [Number.NEGATIVE_INFINITY, "-Infinity"],
])("%d prints as %s", (value, text) => {
  expect(printDouble(value)).toBe(text);
});
