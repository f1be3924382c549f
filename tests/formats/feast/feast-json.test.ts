/** Feast's maps as JSON text: JSON reads back the same numbers, the sign of zero among them, and equal maps have equal texts. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { doubleJson, objectJson } from "#formats/feast/feast-json.js";

describe("a double", () => {
  test("is read back as it was, and can be distinguished from an integer", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), value => {
        const text = doubleJson(value);
        expect(JSON.parse(text)).toBe(value);
        expect(text).toMatch(/[.e]/);
      }),
      { examples: [[-0], [0], [1], [-1], [1e20], [1e21], [-1e21], [2 ** 53], [5e-324]] },
    );
  });
  test.each([
    [0, "0.0"],
    [-0, "-0.0"],
    [-3, "-3.0"],
    [0.5, "0.5"],
    [999999999999999900000, "999999999999999900000.0"],
    [1e21, "1e+21"],
    [Number.NaN, '"NaN"'],
    [Number.POSITIVE_INFINITY, '"Infinity"'],
    [Number.NEGATIVE_INFINITY, '"-Infinity"'],
  ])("%d is %s", (value, text) => {
    expect(doubleJson(value)).toBe(text);
  });
});

test("an object has its members in the order of their names, the last of equal ones", () => {
  expect(objectJson([])).toBe("{}");
  const members = fc.array(fc.tuple(fc.string({ unit: "grapheme", maxLength: 3 }), fc.nat().map(String)), {
    maxLength: 8,
  });
  fc.assert(
    fc.property(members, given => {
      const text = objectJson(given);
      const entries = [...new Map(given)].map(([name, number]) => [name, Number(number)] as const);
      expect(new Map(Object.entries(JSON.parse(text)))).toEqual(new Map(entries));
      expect(objectJson([...new Map(given)].reverse())).toBe(text);
      const names = [...text.matchAll(/("(?:[^"\\]|\\.)*"):/g)].map(([, name]) => JSON.parse(name!) as string);
      expect(names).toEqual([...new Set(given.map(([name]) => name))].sort());
    }),
  );
});
