/**
 * The quick way through arrays of numbers says what the long way says: the same values, the same faults at the same places.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseJson } from "#runtime/wire/json/json.js";

const result = (text: string): unknown => {
  try {
    return parseJson(Buffer.from(text));
  } catch (error) {
    return (error as Error).message;
  }
};
/** One array of the elements, and each element as the last of an array that is too short for the quick way. */
function expectSame(elements: readonly string[], close = "]"): void {
  const quick = result(`[${elements.join(",")}${close}`);
  const each = elements.map(element => result(`[${element}]`));
  if (close === "]" && each.every(Array.isArray)) {
    const slow = each.map(list => list[0]);
    if (Array.isArray(quick)) {
      expect(quick).toEqual(slow);
      quick.forEach((value, i) => {
        expect(Object.is(value, -0)).toBe(Object.is(slow[i], -0));
      });
    } else expect.fail(`${quick}`);
  } else expect(typeof quick).toBe("string");
}

const literal = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.integer().map(String),
  fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }).map(String),
  fc.constantFrom(
    "0",
    "-0",
    "-0.0",
    "0.0",
    "1.0",
    "1e2",
    "1E+2",
    "-1e-2",
    "25.00",
    "9007199254740993",
    "1e22",
    " 7 ",
    "\n8\t",
  ),
);

test("plain numbers, whole or not, in any notation", () => {
  fc.assert(
    fc.property(fc.array(literal, { minLength: 30, maxLength: 200 }), list => expectSame(list)),
    { numRuns: 300 },
  );
});

test.each([
  "01",
  "1.",
  ".5",
  "+1",
  "1e",
  "--1",
  "1 2",
  "1e999",
  "NaN",
  "-Infinity",
  '"a"',
  "[1]",
  "null",
  "1,,1",
  "1..2",
  "1-2",
])("an array with %s in it is what it is without the quick way", odd => {
  const numbers = Array.from({ length: 60 }, (_, i) => `${i}`);
  const long = result(`[${[...numbers, odd].join(",")}]`);
  const short = result(`[1,${odd}]`);
  if (Array.isArray(short)) expect((long as unknown[]).slice(60)).toEqual(short.slice(1));
  else {
    const offset = `[${numbers.join(",")},`.length - "[1,".length;
    expect(long).toBe((short as string).replace(/\d+$/, at => String(Number(at) + offset)));
  }
});

test("an array without an end", () => {
  expectSame(
    Array.from({ length: 60 }, () => "1.5"),
    "",
  );
  expectSame(
    Array.from({ length: 60 }, () => "1.5"),
    "}",
  );
});
