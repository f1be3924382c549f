/** Inference responses: JSON in Triton's order, binary data behind it. */
import { describe, expect, test } from "vitest";
import { atOnce, isSliced } from "#runtime/base/slices.js";
import type { Tensor } from "#runtime/base/tensor.js";
import { ByteWriter } from "#runtime/server/transport/http/byte-writer.js";
import { printInferResponse } from "#runtime/server/transport/http/infer-response.js";
import { printElements, writeQuoted } from "#runtime/server/transport/http/tensor-json.js";
import { caught, withPauses } from "./support.js";

describe("an inference's answer", () => {
  const tensor = (name: string, data: Uint8Array, datatype = "INT32"): Tensor =>
    ({ name, datatype, shape: [data.length / 4], data }) as Tensor;
  const int32 = (...values: number[]) => new Uint8Array(Int32Array.from(values).buffer);
  const print = (response: object, isBinary: (name: string) => boolean = () => false) => {
    const given = { id: "", model: "m", version: "1", parameters: new Map(), outputs: [], ...response };
    return printInferResponse(given as never, isBinary);
  };
  const body = (response: object, isBinary?: (name: string) => boolean) => {
    const printing = print(response, isBinary);
    const { pieces, jsonLength } = isSliced(printing) ? atOnce(printing) : printing;
    return {
      text: Buffer.concat(pieces).toString("latin1"),
      jsonLength,
      pieces: pieces.length,
      sliced: isSliced(printing),
    };
  };
  const parameters = new Map<string, unknown>([
    ["a", 1n],
    ["b", 1.5],
    ["c", 'x"'],
    ["d", true],
  ]);
  test("is JSON in Triton's order", () => {
    expect(body({ id: "7", parameters, outputs: [tensor("A", int32(1, 2)), tensor("B", int32(3))] })).toEqual({
      text: '{"id":"7","model_name":"m","model_version":"1","parameters":{"a":1,"b":1.5,"c":"x\\"","d":true},"outputs":[{"name":"A","datatype":"INT32","shape":[2],"data":[1,2]},{"name":"B","datatype":"INT32","shape":[1],"data":[3]}]}',
      jsonLength: undefined,
      pieces: 1,
      sliced: false,
    });
    expect(body({}).text).toBe('{"model_name":"m","model_version":"1","outputs":[]}');
  });
  test("has the numbers of its parameters as RapidJSON prints them", () => {
    const numbers = new Map<string, unknown>([
      ["a", 2],
      ["b", 1e21],
      ["c", false],
      ["d", 2n ** 53n + 1n],
    ]);
    expect(body({ parameters: numbers }).text).toContain(
      '"parameters":{"a":2.0,"b":1e+21,"c":false,"d":9007199254740993}',
    );
  });
  test("has binary outputs behind the JSON, in their own pieces if they are large", () => {
    const json =
      '{"model_name":"m","model_version":"1","outputs":[{"name":"A","datatype":"INT32","shape":[1],"parameters":{"binary_data_size":4}},{"name":"B","datatype":"INT32","shape":[1],"data":[3]}]}';
    const outputs = [tensor("A", int32(0x41424344)), tensor("B", int32(3))];
    expect(body({ outputs }, name => name === "A")).toEqual({
      ...{ text: `${json}DCBA`, jsonLength: json.length, pieces: 1, sliced: false },
    });
    for (const [size, pieces] of [
      [2 ** 16, 1],
      [2 ** 16 + 4, 2],
    ] as const) {
      const found = body({ outputs: [tensor("A", new Uint8Array(size))] }, () => true);
      expect([found.pieces, found.text.length - found.jsonLength!, found.sliced]).toEqual([pieces, size, true]);
    }
    expect(body({ outputs: [tensor("A", int32())] }, () => true).jsonLength).toBeUndefined();
  });
  test("is the same text where it is long", () => {
    const values = Array.from({ length: 30_000 }, (_, i) => i * 7);
    const long = "é\n".repeat(9000);
    const response = {
      id: long,
      parameters: new Map<string, unknown>([["k", long], ...parameters]),
      outputs: [tensor("A", int32(...values)), tensor("B", int32(1))],
    };
    const { text, sliced } = body(response);
    expect(sliced).toBe(true);
    const parsed = JSON.parse(Buffer.from(text, "latin1").toString());
    expect(parsed).toEqual({
      ...{ id: long, model_name: "m", model_version: "1" },
      parameters: { k: long, a: 1, b: 1.5, c: 'x"', d: true },
      outputs: [
        { name: "A", datatype: "INT32", shape: [30_000], data: values },
        { name: "B", datatype: "INT32", shape: [1], data: [1] },
      ],
    });
    expect(Object.keys(parsed)).toEqual(["id", "model_name", "model_version", "parameters", "outputs"]);
    const binary = body({ outputs: response.outputs }, name => name === "A");
    expect(JSON.parse(binary.text.slice(0, binary.jsonLength))).toMatchObject({
      outputs: [{ parameters: { binary_data_size: 120_000 } }, { data: [1] }],
    });
  });
  test("has no id where the request has none, and no data of an output in shared memory, short and long", () => {
    const placed = { ...tensor("A", int32()), shape: [2], placed: true };
    const json = (data: readonly number[]): string =>
      `{"model_name":"m","model_version":"1","outputs":[{"name":"A","datatype":"INT32","shape":[2]},{"name":"B","datatype":"INT32","shape":[${data.length}],"data":[${data}]}]}`;
    for (const count of [1, 9000]) {
      const values = Array.from({ length: count }, (_, i) => i);
      const { text, sliced } = body({ outputs: [placed, tensor("B", int32(...values))] });
      expect([text, sliced]).toEqual([json(values), count > 1]);
    }
  });
  test("of up to 32 KiB is written at once", () => {
    const ofLength = (length: number) => body({ id: "x".repeat(length - 4), outputs: [tensor("A", int32(1))] }).sliced;
    expect([2 ** 15, 2 ** 15 + 1].map(ofLength)).toEqual([false, true]);
  });
  test("is written with a pause after each part of 4,096 bytes of a long id or parameter", () => {
    const pauses = (response: object): number => withPauses(print(response)).pauses;
    const long = "x".repeat(40_000);
    expect([pauses({ id: long }), pauses({ parameters: new Map([["k", long]]) })]).toEqual([10, 10]);
  });
  test("cannot have FP16 as JSON", () => {
    const half =
      "INVALID_ARGUMENT sending FP16 data via JSON is not supported. Please use the binary data format for output";
    expect(caught(() => body({ outputs: [tensor("A", new Uint8Array(8), "FP16")] }))).toBe(half);
    expect(caught(() => body({ outputs: [tensor("A", new Uint8Array(80_000), "FP16")] }))).toBe(half);
  });
  test("has texts with JSON's escapes, short and long", () => {
    const texts = ["", 'a"b\\c', "\b\f\n\r\t\u0001\u001f", "é", "x".repeat(9000), `${"\u0002".repeat(5000)}"`];
    const data = Buffer.concat(
      texts.flatMap(text => {
        const length = Buffer.alloc(4);
        length.writeUInt32LE(Buffer.byteLength(text));
        return [length, Buffer.from(text)];
      }),
    );
    const printed = printElements({ name: "A", datatype: "BYTES", shape: [texts.length], data });
    expect(printed.startsWith('"","a\\"b\\\\c","\\b\\f\\n\\r\\t\\u0001\\u001F",')).toBe(true);
    expect(JSON.parse(Buffer.from(`[${printed}]`, "latin1").toString())).toEqual(texts);
    for (const text of texts) {
      const to = new ByteWriter();
      atOnce(writeQuoted(text, to));
      expect(JSON.parse(Buffer.concat(to.pieces).toString())).toBe(text);
    }
    const bools = { name: "A", datatype: "BOOL", shape: [3], data: Uint8Array.of(1, 0, 1) };
    expect(printElements(bools as Tensor)).toBe("true,false,true");
    const odd = new Uint8Array(9).subarray(1);
    expect(printElements({ name: "A", datatype: "INT32", shape: [2], data: odd } as Tensor)).toBe("0,0");
  });
});
