/** Parameters in JSON, with Triton's types. */
import { describe, expect, test } from "vitest";
import { readHttpParameters } from "#runtime/server/transport/http/parameters.js";
import { parseJson } from "#runtime/wire/json/json.js";
import { caught } from "./support.js";

describe("parameters of a request", () => {
  const read = (text: string) => readHttpParameters(parseJson(Buffer.from(text)));
  const entries = (text: string) => Object.fromEntries(read(text).parameters);
  test("have Triton's types", () => {
    expect(readHttpParameters(undefined)).toEqual({ parameters: new Map(), binaryOutput: false });
    expect(
      entries(
        '{"a":1,"b":1.5,"c":"x","d":true,"e":2.0,"sequence_id":7,"priority":3,"timeout":9,"sequence_start":true}',
      ),
    ).toEqual({
      ...{ a: 1n, b: 1.5, c: "x", d: true, e: 2, sequence_id: 7n, priority: 3n, timeout: 9n, sequence_start: true },
    });
    expect(entries('{"sequence_id":"s","sequence_end":false,"n":-3,"w":18446744073709551615}')).toEqual({
      ...{ sequence_id: "s", sequence_end: false, n: -3n, w: 2n ** 64n - 1n },
    });
    expect(entries('{"sequence_id":18446744073709551615}')).toEqual({ sequence_id: 2n ** 64n - 1n });
    expect(entries('{"sequence_id":0}')).toEqual({ sequence_id: 0n });
    expect([read('{"binary_data_output":true}').binaryOutput, read("{}").binaryOutput]).toEqual([true, false]);
    expect(entries('{"binary_data_output":true}')).toEqual({});
  });
  const wrong = (field: string, kind: string): string =>
    `INTERNAL Unable to parse '${field}': attempt to access JSON non-${kind} as ${kind}`;
  const TYPES = (key: string): string =>
    `INVALID_ARGUMENT parameter '${key}' has invalid type. It should be either 'int', 'bool', or 'string'.`;
  test.each([
    ["[]", "INTERNAL failed to get request params.: attempt to get members for non-object"],
    ['{"binary_data_output":1}', wrong("binary_data_output", "boolean")],
    ['{"sequence_id":-1}', wrong("sequence_id", "string")],
    ['{"sequence_id":-9223372036854775807}', wrong("sequence_id", "string")],
    ['{"sequence_id":1.5}', wrong("sequence_id", "string")],
    ['{"sequence_start":1}', wrong("sequence_start", "boolean")],
    ['{"sequence_end":1}', wrong("sequence_end", "boolean")],
    ['{"priority":-1}', wrong("priority", "unsigned-integer")],
    ['{"timeout":1.5}', wrong("timeout", "unsigned-integer")],
    ['{"timeout":"1"}', wrong("timeout", "unsigned-integer")],
    [
      '{"triton_x":1}',
      "INVALID_ARGUMENT parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified.",
    ],
    ['{"a":[1]}', TYPES("a")],
    ['{"a":{}}', TYPES("a")],
    ['{"a":null}', TYPES("a")],
  ])("%s is refused", (text, expected) => {
    expect(caught(() => read(text))).toBe(expected);
  });
  test("a text may have 2^24 characters", () => {
    const of = (length: number) => new Map([["a", "x".repeat(length)]]);
    expect(readHttpParameters(of(2 ** 24)).parameters.size).toBe(1);
    expect(caught(() => readHttpParameters(of(2 ** 24 + 1)))).toBe(
      `INVALID_ARGUMENT parameter 'a' has ${2 ** 24 + 1} characters; at most ${2 ** 24} are supported, send more as an input`,
    );
  });
});
