// Random rows of the columns that random functions read, nulls and awkward values among them.
import fc from "fast-check";
import type { Cell } from "../etl/table-values.js";

export const cells = (count: number): fc.Arbitrary<Record<string, Cell[]>> => {
  const many = (value: fc.Arbitrary<Cell>) =>
    fc.array(fc.option(value, { nil: null, freq: 4 }), { minLength: count, maxLength: count });
  const number = fc.oneof(
    fc.constantFrom(1.5, -2, 1e9, 0.5, -0.5),
    fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 }),
  );
  const whole = fc.integer({ min: -1e6, max: 1e6 });
  const word = fc.constantFrom("", "a", "x.y.z", "B c", " pad ", "é😀", "O'Brien");
  const lists = (item: fc.Arbitrary<Cell>) =>
    fc.array(fc.array(item, { maxLength: 3 }) as fc.Arbitrary<Cell>, { minLength: count, maxLength: count });
  return fc.record({
    a: many(number.map(x => x + 0)),
    b: many(number.map(x => Math.fround(x) + 0)),
    i: many(whole),
    big: many(whole),
    s: many(word),
    t: many(word),
    f: many(fc.boolean()),
    ids: lists(whole),
    words: lists(word),
  }) as fc.Arbitrary<Record<string, Cell[]>>;
};
