import fc from "fast-check";
import { expect, test } from "vitest";
import { keepLargest } from "#operators/shared/kernel/keep-largest.js";

const key = fc.oneof(
  fc.double({ noNaN: true }),
  fc.constantFrom(0, -0, 1, 1, 2, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY),
);

test("the k largest of a run, the first of equal ones first, for few and for many", () => {
  fc.assert(
    fc.property(fc.array(key, { maxLength: 200, size: "max" }), fc.nat(150), fc.nat(20), (list, k, start) => {
      const keys = Float64Array.from([...new Array<number>(start).fill(9), ...list, 9]);
      const places = list.map((_, i) => start + i);
      const order = places.toSorted((a, b) => (keys[a]! < keys[b]! ? 1 : keys[a]! > keys[b]! ? -1 : a - b));
      expect([...keepLargest(keys, start, start + list.length, k)]).toEqual(order.slice(0, k));
    }),
    { numRuns: 300 },
  );
});
