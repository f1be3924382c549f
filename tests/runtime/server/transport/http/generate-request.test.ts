/** The flat JSON object of a generate request: which members become inputs, of which shape and type, which become parameters, and what is refused. */
import { describe, expect, test } from "vitest";
import type { RuntimeFault } from "#runtime/base/errors.js";
import { atOnce } from "#runtime/base/slices.js";
import { readGenerateRequest } from "#runtime/server/transport/http/generate-request.js";
import type { ModelConfigInit } from "#triton-protos/model-config.js";
import { configOf } from "../../scheduling/support.js";
import { withPauses } from "./support.js";

type Type = NonNullable<ModelConfigInit["input"]>[number]["data_type"];
const model = (data_type: Type, dims: readonly number[] = [1], max_batch_size = 0) =>
  configOf({ max_batch_size, input: [{ name: "IN", data_type: data_type!, dims: [...dims] }] });
const signal = new AbortController().signal as never;
const limits = { maxInputSize: 2 ** 20 };

function read(body: string, config = model("TYPE_INT32")) {
  const ids: string[] = [];
  try {
    const request = atOnce(readGenerateRequest(Buffer.from(body), config, limits, signal, id => ids.push(id)));
    return { request, ids, fault: undefined };
  } catch (error) {
    return { request: undefined, ids, fault: `${(error as RuntimeFault).code} ${(error as Error).message}` };
  }
}
/** How often the reading of a request pauses; its id is taken by nothing. */
const pausesOf = (body: string, config = model("TYPE_INT32")): number =>
  withPauses(readGenerateRequest(Buffer.from(body), config, limits, signal)).pauses;
const input = (body: string, config: ReturnType<typeof model>) => {
  const { request, fault } = read(body, config);
  if (fault) return fault;
  const [{ name, datatype, shape, data }] = request!.inputs as unknown as [
    { name: string; datatype: string; shape: readonly number[]; data: Uint8Array },
  ];
  return { name, datatype, shape, data: [...data] };
};
const int32 = (...values: number[]): number[] => [...new Uint8Array(Int32Array.from(values).buffer)];
const text = (value: string): number[] => [Buffer.byteLength(value), 0, 0, 0, ...Buffer.from(value)];

describe("an input", () => {
  test.each<readonly [string, ReturnType<typeof model>, readonly number[], string, number[]]>([
    ["5", model("TYPE_INT32"), [1], "INT32", int32(5)],
    ["-5", model("TYPE_INT32"), [1], "INT32", int32(-5)],
    ["[5,6]", model("TYPE_INT32", [-1]), [2], "INT32", int32(5, 6)],
    ["[5,6,7,8]", model("TYPE_INT32", [-1, 2]), [2, 2], "INT32", int32(5, 6, 7, 8)],
    ["[5,6,7,8]", model("TYPE_INT32", [-1, -1]), [1, 4], "INT32", int32(5, 6, 7, 8)],
    ["[5,6]", model("TYPE_INT32", [2], 4), [1, 2], "INT32", int32(5, 6)],
    ["[5,6]", model("TYPE_INT32", [1], 4), [2, 1], "INT32", int32(5, 6)],
    ["[]", model("TYPE_INT32", [-1]), [], "INT32", []],
    ["5", model("TYPE_UINT32"), [1], "UINT32", int32(5)],
    ["0", model("TYPE_UINT32"), [1], "UINT32", int32(0)],
    ["-9007199254740993", model("TYPE_INT64"), [1], "INT64", int32(-1, -(2 ** 21) - 1)],
    ["[[]]", model("TYPE_STRING", [-1]), [], "BYTES", []],
    ["true", model("TYPE_BOOL"), [1], "BOOL", [1]],
    ['"ab"', model("TYPE_STRING"), [1], "BYTES", text("ab")],
    ['["ab","c"]', model("TYPE_STRING", [-1]), [2], "BYTES", [...text("ab"), ...text("c")]],
    ["18446744073709551615", model("TYPE_UINT64"), [1], "UINT64", Array(8).fill(255)],
    ["0.5", model("TYPE_FP32"), [1], "FP32", [0, 0, 0, 63]],
    ["2.0", model("TYPE_FP32"), [1], "FP32", [0, 0, 0, 64]],
    ["2", model("TYPE_FP32"), [1], "FP32", [0, 0, 0, 64]],
  ])("%s becomes its tensor", (value, config, shape, datatype, data) => {
    expect(input(`{"IN":${value}}`, config)).toEqual({ name: "IN", datatype, shape, data });
  });
  test("that is a long text is whole, also where a part ends amid a character", () => {
    const amid = `${"x".repeat(2 ** 17 - 1)}😀${"x".repeat(9)}`;
    for (const long of ["x".repeat(300_000), `x${"😀".repeat(100_000)}`, `${"😀".repeat(100_000)}`, amid]) {
      const { data } = input(JSON.stringify({ IN: long }), model("TYPE_STRING")) as { data: number[] };
      expect(Buffer.from(data).subarray(4).toString() === long).toBe(true);
    }
  });
  const PART = 2 ** 17;
  test.each([
    ["", 0],
    ["x".repeat(PART), 0],
    ["x".repeat(PART + 1), 1],
    // A part ends before a character whose second half would be in the next one.
    [`${"x".repeat(PART - 1)}😀`, 1],
    ["x".repeat(2 * PART), 1],
    ["x".repeat(2 * PART + 1), 2],
  ])("that is a long text is encoded with a pause after each part but the last: case %#", (long, pauses) => {
    const config = model("TYPE_STRING");
    const others = pausesOf(JSON.stringify({ NO: long }), config);
    // From 146 KiB on, its parts are also joined with pauses, of which the first are short.
    const joined = long.length < 2 ** 17 + 2 ** 14 ? 0 : 4;
    expect(pausesOf(JSON.stringify({ IN: long }), config) - others).toBe(pauses + joined);
  });
  const wrong = (kind: string, wanted = kind): string =>
    `INTERNAL Unable to parse 'data': attempt to access JSON non-${kind} as ${wanted}`;
  const SHAPE = "INVALID_ARGUMENT The schema can not convert input 'IN' to tensor with proper shape";
  test.each<readonly [string, ReturnType<typeof model>, string]>([
    ['"a"', model("TYPE_INT32"), wrong("signed-integer")],
    ["1.5", model("TYPE_INT32"), wrong("signed-integer")],
    ["2.0", model("TYPE_INT32"), wrong("signed-integer")],
    ["-1", model("TYPE_UINT32"), wrong("unsigned-integer")],
    ["1", model("TYPE_BOOL"), wrong("boolean")],
    ["true", model("TYPE_FP32"), wrong("number", "double")],
    ["{}", model("TYPE_INT32"), wrong("signed-integer")],
    ["null", model("TYPE_INT32"), wrong("signed-integer")],
    ["[1,2,3]", model("TYPE_INT32", [2]), SHAPE],
    ["[1,2,3]", model("TYPE_INT32", [-1, 2]), SHAPE],
    ["1", model("TYPE_INT32", [2]), SHAPE],
    ["[1,2,3,4]", model("TYPE_INT32", [2]), SHAPE],
    ["[[]]", model("TYPE_INT32", [-1]), "INTERNAL Failed to parse 'data' field: shape does not match true shape"],
    [
      "[[5,6],[7,8]]",
      model("TYPE_INT32", [-1]),
      "INTERNAL Unable to parse 'data': Shape does not match true shape of 'data' field",
    ],
    [
      "1",
      model("TYPE_STRING"),
      "INTERNAL Unable to parse JSON bytes array: attempt to access JSON non-string as string",
    ],
  ])("%s that does not fit is refused", (value, config, expected) => {
    expect(input(`{"IN":${value}}`, config)).toBe(expected);
  });
});

describe("other members", () => {
  const parameters = (body: string) => Object.fromEntries(read(body).request!.parameters);
  test("are parameters, in the request and in its `parameters`", () => {
    const { request } = read('{"a":1,"IN":3,"parameters":{"b":"x","c":true}}');
    expect(Object.fromEntries(request!.parameters)).toEqual({ a: 1n, b: "x", c: true });
    expect(request!.inputs.map(({ name }) => name)).toEqual(["IN"]);
    expect([request!.outputs, request!.id]).toEqual([[], ""]);
  });
  test("an input may be in `parameters`", () => {
    expect(read('{"parameters":{"IN":3}}').request!.inputs).toHaveLength(1);
  });
  test("what steers the server elsewhere is no parameter", () => {
    const steering = '"sequence_id":1,"sequence_start":true,"sequence_end":true,"priority":1,"timeout":1,"triton_x":1';
    expect(parameters(`{${steering},"a":1}`)).toEqual({ a: 1n });
  });
  test("more than a pause has are all read", () => {
    const many = Array.from({ length: 1000 }, (_, i) => `"k${i}":${i}`).join(",");
    expect(read(`{${many},"IN":1}`).request!.parameters.size).toBe(1000);
  });
  test.each([
    [255, 0],
    [256, 1],
    [511, 1],
    [1000, 3],
  ])("%d of them are read with %d pauses", (count, pauses) => {
    const many = Array.from({ length: count }, (_, i) => `"k${i}":1`).join(",");
    expect(pausesOf(`{${many}}`)).toBe(pauses);
    expect(pausesOf(`{"parameters":{${many}}}`)).toBe(pauses);
  });
  test("an id is the request's, and a parameter", () => {
    const { request, ids } = read('{"id":"seven","IN":1}');
    expect([request!.id, ids]).toEqual(["seven", ["seven"]]);
    expect(read("{}").ids).toEqual([""]);
  });
});

describe("a request is refused", () => {
  const TYPES = "parameter 'a' has invalid type. It should be either 'int', 'bool', or 'string'.";
  const NESTED = "Converting keyword: 'parameters': ";
  const TWICE = "INVALID_ARGUMENT [request id: <id_unknown>] input 'IN' already exists in request";
  test.each([
    ["[]", "INTERNAL attempt to get members for non-object"],
    ['{"id":1}', "INTERNAL Unable to parse 'id': attempt to access JSON non-string as string"],
    [
      '{"parameters":1}',
      "INTERNAL Expected JSON object for keyword: 'parameters': attempt to access JSON non-object as object",
    ],
    ['{"a":[1]}', `INVALID_ARGUMENT ${TYPES}`],
    ['{"parameters":{"a":null}}', `INVALID_ARGUMENT ${NESTED}${TYPES}`],
    ['{"IN":1,"IN":2}', TWICE],
    ['{"IN":1,"parameters":{"IN":2}}', TWICE.replace("ARGUMENT ", `ARGUMENT ${NESTED}`)],
    ['{"id":"7","IN":1,"IN":2}', "INVALID_ARGUMENT [request id: 7] input 'IN' already exists in request"],
  ])("%s", (body, expected) => {
    expect(read(body).fault).toBe(expected);
  });
  test("for the first fault of several, of which a repeated input is one", () => {
    const input = ["A", "B"].map(name => ({ name, data_type: "TYPE_INT32" as const, dims: [1] }));
    const found = (body: string) => read(body, configOf({ input })).fault;
    expect(found('{"A":1,"B":"x","B":2}')).toContain("attempt to access JSON non-signed-integer");
    expect(found('{"A":1,"B":1,"B":2}')).toBe(TWICE.replace("'IN'", "'B'"));
  });
  test("with its id known, where that was read", () => {
    expect(read('{"IN":"x","id":"seven"}')).toMatchObject({ ids: ["seven"], request: undefined });
    expect(read("[]").ids).toEqual([""]);
    expect(read("{").ids).toEqual([]);
  });
});
