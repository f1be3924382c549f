/** Values as a feature server writes them in JSON, pushed as the store's own bytes are: 64-bit integers exact, other kinds refused by name. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
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

describe("values of each type", () => {
  test.each<readonly [string, FeastType, unknown]>([
    ["7", "INT32", [7]],
    ["1.5", "DOUBLE", [1.5]],
    ["2.0", "DOUBLE", [2]],
    ["2", "FLOAT", [2]],
    ['"NaN"', "DOUBLE", [Number.NaN]],
    ['"-Infinity"', "FLOAT", [Number.NEGATIVE_INFINITY]],
    ["9007199254740993", "DOUBLE", [9007199254740992]],
    ["true", "BOOL", [1]],
    ["false", "BOOL", [0]],
    ['"a"', "STRING", ["a"]],
    ['"7f"', "UUID", ["7f"]],
    ["[1,2]", "INT64_LIST", [1, 2]],
    ["[]", "INT64_LIST", []],
    ['["a","b"]', "STRING_SET", ["a", "b"]],
    ["[true,false]", "BOOL_LIST", [1, 0]],
    ["-9223372036854775808", "UNIX_TIMESTAMP", null],
    ["-9223372036854775808", "INT64", [-(2n ** 63n)]],
    ["1700000000", "UNIX_TIMESTAMP", [1700000000]],
    ['"2024-01-01T00:00:00.75+01:00"', "ZONED_TIMESTAMP", [1704063600]],
    ['"1969-12-31T23:59:59.5Z"', "ZONED_TIMESTAMP", [-1]],
    [
      '{"b":1,"a":{"y":2.0,"x":[1.5,"t",null,true,9007199254740993]}}',
      "MAP",
      ['{"a":{"x":[1.5,"t",null,true,9007199254740993],"y":2.0},"b":1}'],
    ],
    ['{"a":[Infinity,-Infinity,NaN]}', "MAP", ['{"a":["Infinity","-Infinity","NaN"]}']],
    ['[{"a":1},{}]', "MAP_LIST", ['{"a":1}', "{}"]],
    ["[[1,2],[]]", "VALUE_LIST", ["[[1,2],[]]"]],
    ["null", "INT64", null],
    ["null", "STRING_LIST", null],
  ])("%s of %s", (text, type, expected) => {
    expect(pushed(text, type)).toEqual(expected);
  });
  test("bytes are UTF-8 or base64, as the server says them", () => {
    expect(pushed('"AP8="', "BYTES", "base64")).toEqual([[0, 255]]);
    expect(pushed('"é"', "BYTES", "utf8")).toEqual([[0xc3, 0xa9]]);
    expect(pushed('["YQ==","Yg=="]', "BYTES_LIST", "base64")).toEqual([[97], [98]]);
  });
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
