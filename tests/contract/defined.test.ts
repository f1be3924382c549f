import { expect, it } from "vitest";
import { defined } from "#contract/defined.js";

it("keeps each value except undefined", () => {
  const given = { text: "", none: null, zero: 0, no: false, list: [], absent: undefined };
  expect(Object.keys(defined(given))).toEqual(["text", "none", "zero", "no", "list"]);
  expect(defined(given)).toStrictEqual({ text: "", none: null, zero: 0, no: false, list: [] });
});

it("leaves the given object as it is", () => {
  const given = { a: 1, b: undefined };
  expect(defined(given)).not.toBe(given);
  expect(given).toStrictEqual({ a: 1, b: undefined });
});
