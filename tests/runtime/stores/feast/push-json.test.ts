/** Values as a feature server writes them in JSON, pushed as the store's own bytes are: 64-bit integers exact, other kinds refused by name. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { FeastType } from "#formats/feast/feast-type.js";
import { feastType } from "#formats/feast/feast-type.js";
import { pushJson } from "#runtime/stores/feast/push-json.js";
import { parseJson } from "#runtime/wire/json/json.js";

/** Values that a text of JSON pushes: each call of the sink. */
function pushed(text: string, type: FeastType, bytes: "utf8" | "base64" = "utf8"): unknown {
  const calls: unknown[] = [];
  const sink = {
    number: (value: number) => void calls.push(value),
    words: (lo: number, hi: number) => void calls.push((BigInt(hi) << 32n) | BigInt(lo >>> 0)),
    string: (value: string) => void calls.push(value),
    bytes: (value: Uint8Array) => void calls.push([...value]),
  };
  try {
    const found = pushJson(parseJson(Buffer.from(text)), feastType(type), sink, bytes);
    return found === null ? null : calls;
  } catch (error) {
    return (error as Error).message;
  }
}

test("integers of 64 bits are exact", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), value => {
      const [found] = pushed(String(value), "INT64") as [number | bigint];
      expect(BigInt(found)).toBe(value);
    }),
    { examples: [[2n ** 53n], [-(2n ** 53n) - 1n], [2n ** 63n - 1n], [-(2n ** 63n)], [2n ** 32n - 1n], [0n]] },
  );
});

const A = " belongs there and the server answers ";
test.each<readonly [string, FeastType, string]>([
  ["7", "INT64_LIST", `a list${A}the number 7`],
  ['"a"', "STRING_LIST", `a list${A}the string a`],
  ["{}", "INT64_LIST", `a list${A}an object`],
  ["7", "STRING", `text${A}the number 7`],
  ["[1]", "STRING", `text${A}a list`],
  ["[7]", "STRING_LIST", `text${A}the number 7`],
  ['"7"', "INT64", `a number${A}the string 7`],
  ["true", "INT64", `a number${A}the boolean true`],
  ["[1]", "INT64", `a number${A}a list`],
  ['"x"', "DOUBLE", `a number${A}the string x`],
  ['"7"', "FLOAT", `a number${A}the string 7`],
  ['""', "DOUBLE_LIST", `a list${A}the string `],
  ['["Infinity",""]', "DOUBLE_LIST", `a number${A}the string `],
  ["{}", "DOUBLE", `a number${A}an object`],
  ['"a"', "BOOL", `a number${A}the string a`],
  ["7", "ZONED_TIMESTAMP", `a moment${A}the number 7`],
  ['"noon"', "ZONED_TIMESTAMP", `a moment${A}the string noon`],
])("%s in the place of %s is named", (text, type, expected) => {
  expect(pushed(text, type)).toBe(expected);
});
