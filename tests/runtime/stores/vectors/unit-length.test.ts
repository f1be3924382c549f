// Vectors that become as long as 1, one by one, and those that are too long for a search.
import fc from "fast-check";
import { expect, test } from "vitest";
import { longRow, toUnitLength } from "#runtime/stores/vectors/unit-length.js";

test("each vector has its own length; one of zeros stays", () => {
  const vectors = Float32Array.of(3, 4, 0, 0, 0, -2, 1, 0);
  toUnitLength(vectors, 2);
  expect([...vectors]).toEqual([3, 4, 0, 0, 0, -1, 1, 0].map((x, i) => Math.fround(i < 2 ? x / 5 : x)));
  const one = fc.float({ min: -1000, max: 1000, noNaN: true });
  fc.assert(
    fc.property(fc.array(fc.tuple(one, one, one), { minLength: 1, maxLength: 6 }), rows => {
      const all = Float32Array.from(rows.flat());
      toUnitLength(all, 3);
      for (const [i, row] of rows.entries()) {
        const length = Math.hypot(...row);
        for (const [j, x] of row.entries()) {
          const expected = length ** 2 > 0 ? x / length : 0;
          expect(all[3 * i + j]).toBeCloseTo(expected, 5);
        }
      }
    }),
    { numRuns: 50 },
  );
});

test("the first row that is longer, or not finite, is found", () => {
  const vectors = Float32Array.of(3, 4, 0, 0, 6, 8);
  expect([4.99, 5, 9.99, 10].map(longest => longRow(vectors, 2, longest))).toEqual([0, 2, 2, -1]);
  expect(longRow(Float32Array.of(0, 0, Number.NaN, 0), 2, 1)).toBe(1);
  expect(longRow(Float32Array.of(0, 0, 0, Number.POSITIVE_INFINITY), 2, 1)).toBe(1);
  expect(longRow(new Float32Array(0), 2, 1)).toBe(-1);
});
