// Decimal digits × a power of ten, against JavaScript's own reading of the same text.
import fc from "fast-check";
import { expect, test } from "vitest";
import { toDouble } from "#runtime/wire/json/decimal.js";

/** As a scanner of numbers gives it: the first ten digits, those after them, and how many there are. */
const read = (digits: string, exponent: number): number | undefined =>
  toDouble(Number(digits.slice(0, 10)), Number(digits.slice(10) || 0), digits.length, exponent);

const digits = fc
  .tuple(fc.integer({ min: 1, max: 9 }), fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 18, size: "max" }))
  .map(([first, more]) => `${first}${more.join("")}`);

test("the nearest double, or undefined", () => {
  fc.assert(
    fc.property(digits, fc.integer({ min: -26, max: 26 }), (text, exponent) => {
      const made = read(text, exponent);
      if (made !== undefined) expect(made).toBe(Number(`${text}e${exponent}`));
    }),
    { numRuns: 5000 },
  );
});

test("every power of ten from -30 to 30, times 1 to 19 digits: exact where 15 digits and a power of 22 suffice", () => {
  for (let exponent = -30; exponent <= 30; exponent++)
    for (let length = 1; length <= 19; length++)
      for (const text of ["1".padEnd(length, "0"), "9".repeat(length), "1".repeat(length), "1".padEnd(length, "05")]) {
        const made = read(text, exponent);
        if (made !== undefined || (length <= 15 && Math.abs(exponent) <= 22))
          expect([text, exponent, made]).toEqual([text, exponent, Number(`${text}e${exponent}`)]);
        if (Math.abs(exponent) > 22) expect([text, exponent, made]).toEqual([text, exponent, undefined]);
      }
});

test("ties are left to exact arithmetic, and few others are", () => {
  const half = ["9007199254740993", "9007199254740995", "18014398509481986"];
  for (const text of half) expect([text, read(`${text}0`, -1)]).toEqual([text, undefined]);
  let undecided = 0;
  const sample = fc.sample(fc.tuple(digits, fc.integer({ min: 1, max: 22 })), { numRuns: 2000, seed: 1 });
  for (const [text, exponent] of sample) if (read(text, -exponent) === undefined) undecided++;
  expect(undecided).toBeLessThan(20);
});
