// Random rows of the columns that random functions read, nulls and awkward values among them.
import fc from "fast-check";
import type { Cell } from "../../etl/table-values.js";

/** Integers around the limits of doubles and words, and two ids that are one double; text beyond 2^53. */
export const WIDE: readonly Cell[] = [
  ...[-1n, 0n, 1n].flatMap(k => [2n ** 53n + k, -(2n ** 53n) + k]),
  ...[2n ** 63n - 1n, -(2n ** 63n), 2n ** 62n, 3_037_000_500n, 1234567890123456789n, 1234567890123456819n],
].map(x => (BigInt.asIntN(54, x) === x && x !== -(2n ** 53n) ? Number(x) : String(x)));

export const cells = (count: number): fc.Arbitrary<Record<string, Cell[]>> => {
  const many = (value: fc.Arbitrary<Cell>) =>
    fc.array(fc.option(value, { nil: null, freq: 4 }), { minLength: count, maxLength: count });
  const number = fc.oneof(
    fc.constantFrom(1.5, -2, 1e9, 0.5, -0.5),
    fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 }),
  );
  const whole = fc.integer({ min: -1e6, max: 1e6 });
  const wide = fc.oneof(whole, fc.constantFrom(...WIDE));
  const word = fc.constantFrom("", "a", "x.y.z", "B c", " pad ", "é😀", "O'Brien");
  const lists = (item: fc.Arbitrary<Cell>) =>
    fc.array(fc.array(item, { maxLength: 3 }) as fc.Arbitrary<Cell>, { minLength: count, maxLength: count });
  return fc.record({
    a: many(number.map(x => x + 0)),
    b: many(number.map(x => Math.fround(x) + 0)),
    i: many(fc.oneof(whole, fc.constantFrom(2 ** 31 - 1, -(2 ** 31)))),
    big: many(wide),
    s: many(word),
    t: many(word),
    f: many(fc.boolean()),
    ids: lists(wide),
    words: lists(word),
  }) as fc.Arbitrary<Record<string, Cell[]>>;
};
