import fc from "fast-check";
import { expect, test } from "vitest";
import { keepLargest } from "#operators/shared/kernel/keep-largest.js";

const key = fc.oneof(
  fc.double({ noNaN: true }),
  fc.constantFrom(0, -0, 1, 1, 2, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY),
);

test("the k largest of a row, the first of equal ones first, for few and for many", () => {
  fc.assert(
    fc.property(fc.array(key, { maxLength: 200, size: "max" }), fc.nat(150), (keys, k) => {
      const order = keys.map((_, i) => i).sort((a, b) => (keys[a]! < keys[b]! ? 1 : keys[a]! > keys[b]! ? -1 : a - b));
      // The memory of the keys has room for longer rows.
      expect([...keepLargest(Float64Array.of(...keys, 9), keys.length, k)]).toEqual(order.slice(0, k));
    }),
    { numRuns: 300 },
  );
});
