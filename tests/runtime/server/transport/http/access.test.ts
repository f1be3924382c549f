/** Members of parsed JSON, and Triton's texts for those of another kind. */
import { expect, test } from "vitest";
import { asArray, asBoolean, asText, asUnsigned, member } from "#runtime/server/transport/http/access.js";
import { caught } from "./support.js";

const wrong = (kind: string): string => `INTERNAL Unable to parse 'f': attempt to access JSON non-${kind} as ${kind}`;

test.each([0, 1, 2 ** 53 - 1, 0n, 2n ** 64n])("%s is unsigned", value => {
  expect(asUnsigned(value, "f")).toBe(value);
});
test.each([-1, 1.5, -1n, Number.NaN, "1", null, true])("%s is not unsigned", value => {
  expect(caught(() => asUnsigned(value, "f"))).toBe(wrong("unsigned-integer"));
});
test("other kinds are themselves or faults", () => {
  expect([asText("", "f"), asArray([1], "f"), asBoolean(false, "f")]).toEqual(["", [1], false]);
  expect(caught(() => asText(1, "f"))).toBe(wrong("string"));
  expect(caught(() => asArray("a", "f"))).toBe(wrong("array"));
  expect(caught(() => asBoolean(0, "f"))).toBe(wrong("boolean"));
});
test("a member is found in an object alone", () => {
  expect(member(new Map([["f", 0]]), "f")).toBe(0);
  for (const json of [new Map(), [], "f", null])
    expect(caught(() => member(json, "f"))).toBe(
      "INTERNAL Unable to parse 'f': attempt to access non-existing object member 'f'",
    );
});
