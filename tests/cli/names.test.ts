/** Lists of columns as options take them. */
import { expect, test } from "vitest";
import { keptNames, names } from "#cli/names.js";

test("names, with spaces around them", () => {
  expect(names("a, b,,c ")).toEqual(["a", "b", "c"]);
});

test("columns to keep: under their own names, or others", () => {
  expect(keptNames("day, item_id=item_key,a=b=c")).toEqual([
    { column: "day", as: "day" },
    { column: "item_id", as: "item_key" },
    { column: "a", as: "b=c" },
  ]);
  for (const odd of ["=a", "a=", "=", "a,=b", " = "]) expect(() => keptNames(odd), odd).toThrow(/NAME=OTHER/);
});
