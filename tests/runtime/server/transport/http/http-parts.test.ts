/** The parts of the HTTP routes, each without a server: who may call, bodies and their memory, parameters, raw inputs, and what answers look like. */
import { gunzipSync, inflateSync } from "node:zlib";
import { describe, expect, test, vi } from "vitest";
import { RuntimeFault } from "#runtime/base/errors.js";
import { LARGE } from "#runtime/base/memory/buffer-pool.js";
import { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import { atOnce, isSliced } from "#runtime/base/slices.js";
import type { Tensor } from "#runtime/base/tensor.js";
import { faultAnswer, methodNotAllowed, restricted } from "#runtime/server/transport/http/answer.js";
import { createBodyMemory, smallTensors } from "#runtime/server/transport/http/body-memory.js";
import {
  type BrowserHeaders,
  browserAccess,
  isForeignPage,
  isLoopback,
  readOrigins,
} from "#runtime/server/transport/http/browser-access.js";
import { ByteWriter } from "#runtime/server/transport/http/byte-writer.js";
import { printConfig } from "#runtime/server/transport/http/config-json.js";
import { chargedMemory } from "#runtime/server/transport/http/growable-buffer.js";
import { printInferResponse } from "#runtime/server/transport/http/infer-response.js";
import { answerLoad } from "#runtime/server/transport/http/load-route.js";
import { packPieces } from "#runtime/server/transport/http/pack-pieces.js";
import { readHttpParameters } from "#runtime/server/transport/http/parameters.js";
import { rawRequest } from "#runtime/server/transport/http/raw-request.js";
import { printElements, writeQuoted } from "#runtime/server/transport/http/tensor-json.js";
import { parseJson } from "#runtime/wire/json/json.js";
import { configOf } from "../../scheduling/support.js";

const caught = (act: () => unknown): string => {
  try {
    act();
    return "";
  } catch (error) {
    return `${(error as RuntimeFault).code} ${(error as Error).message}`;
  }
};
const signal = new AbortController().signal as never;

describe("pages of other origins", () => {
  const FLAG = "--http-allowed-origin";
  const refused = (headers: BrowserHeaders, allowed: readonly string[] = [], address = "127.0.0.1") =>
    browserAccess(address, allowed).refuse(headers);
  const host = (name: string): string =>
    `host '${name}' is refused: the server listens on 127.0.0.1 only; ${FLAG} http://${name} allows it`;
  const page = (origin: string): string =>
    `requests of web pages from '${origin}' are refused; ${FLAG} ${origin} allows them`;
  const SITES = `requests of web pages from other sites are refused; ${FLAG} lists the origins of pages that may call the server`;
  test.each<readonly [BrowserHeaders, string | undefined]>([
    [{}, undefined],
    [{ host: "localhost:8000" }, undefined],
    [{ host: "127.0.0.1" }, undefined],
    [{ host: "[::1]:80" }, undefined],
    [{ host: "shop" }, undefined],
    [{ host: "a.LOCALHOST" }, undefined],
    [{ host: "docker.internal:8000" }, undefined],
    [{ host: "evil.example" }, host("evil.example")],
    [{ host: "evil.example:80" }, host("evil.example:80")],
    [{ host: "localhost.evil.example" }, host("localhost.evil.example")],
    [{ host: "evillocalhost.com" }, host("evillocalhost.com")],
    [{ host: "a.xinternal" }, host("a.xinternal")],
    [{ host: `${"x".repeat(220)}.example` }, host(`${"x".repeat(200)}…`)],
    [{ host: "a:80", origin: "http://a:80" }, undefined],
    [{ host: "A:80", origin: "HTTPS://a:80" }, undefined],
    [{ host: "a:80", origin: "http://a:81" }, page("http://a:81")],
    [{ host: "a:80", origin: "http://b" }, page("http://b")],
    [{ origin: "http://b" }, page("http://b")],
    [{ host: "a", "sec-fetch-site": "cross-site" }, SITES],
    [{ host: "a", "sec-fetch-site": "same-site" }, SITES],
    [{ host: "a", "sec-fetch-site": "none" }, undefined],
    [{ host: "a", origin: "http://b", "sec-fetch-site": "same-origin" }, undefined],
    [{ host: "a", origin: "http://a", "sec-fetch-site": "cross-site" }, page("http://a")],
  ])("%j", (headers, expected) => {
    expect(refused(headers)).toBe(expected);
  });
  test("listed origins, and their hosts, may call", () => {
    const allowed = ["https://Shop.example", "null"];
    for (const headers of [{ origin: "https://shop.EXAMPLE" }, { host: "SHOP.example" }, { origin: "null" }])
      expect(refused(headers, allowed)).toBeUndefined();
    expect(refused({ origin: "http://shop.example" }, allowed)).toBe(page("http://shop.example"));
    expect(refused({ host: "x.shop.example" }, allowed)).toBe(host("x.shop.example"));
    expect(refused({ host: "evil.example", origin: "http://b" }, ["*"])).toBeUndefined();
  });
  test("the name of a host matters where only this machine reaches the server", () => {
    expect(refused({ host: "triton.example" }, [], "0.0.0.0")).toBeUndefined();
    expect(refused({ host: "triton.example" }, [], "127.0.0.2")).toContain("the server listens on 127.0.0.2 only");
    expect(["127.9.9.9", "::1", "localhost"].map(isLoopback)).toEqual([true, true, true]);
    expect(["10.0.0.1", "::", "::10", "localhosts", "1127.0.0.1", "x::1"].map(isLoopback)).toEqual(
      Array(6).fill(false),
    );
  });
  test("a host that passed passes again, and another one is looked at", () => {
    const access = browserAccess("127.0.0.1", []);
    for (const name of ["a", "a", "evil.example", "a"])
      expect(access.refuse({ host: name }) === undefined).toBe(name === "a");
  });
  test("an answer is shared with a listed page alone, and a preflight says what it may send", () => {
    const access = browserAccess("127.0.0.1", ["http://a"]);
    const SHARED = {
      "Access-Control-Allow-Origin": "http://a",
      "Access-Control-Expose-Headers": "Inference-Header-Content-Length, Retry-After",
      Vary: "Origin",
    };
    expect(access.share({ origin: "http://a" })).toEqual(SHARED);
    expect([access.share({}), access.share({ origin: "http://b" })]).toEqual([undefined, undefined]);
    const preflight = { origin: "http://a", "access-control-request-method": "POST" };
    const METHODS = { ...SHARED, "Access-Control-Allow-Methods": "GET, POST", "Access-Control-Max-Age": "600" };
    expect(access.share(preflight)).toEqual(METHODS);
    expect(
      access.share({
        ...preflight,
        "access-control-request-headers": "x-key, b",
        "access-control-request-private-network": "true",
      }),
    ).toEqual({
      ...METHODS,
      "Access-Control-Allow-Headers": "x-key, b",
      "Access-Control-Allow-Private-Network": "true",
    });
    for (const wanted of ["a\r\nb", "", "a".repeat(1025), "x(y", "x y)"])
      expect(access.share({ ...preflight, "access-control-request-headers": wanted })).toEqual(METHODS);
    expect(access.share({ ...preflight, "access-control-request-headers": "a".repeat(1024) })).toHaveProperty(
      "Access-Control-Allow-Headers",
    );
    expect(access.share({ ...preflight, "access-control-request-private-network": "false" })).toEqual(METHODS);
    expect(browserAccess("127.0.0.1", ["*"]).share({ origin: "http://b" })).toMatchObject({
      "Access-Control-Allow-Origin": "*",
    });
  });
  test("a page is foreign by what its browser says, or by its origin", () => {
    expect(isForeignPage({})).toBe(false);
    expect(isForeignPage({ origin: "http://" })).toBe(false);
    expect(isForeignPage({ host: "a", origin: "http://a.b" })).toBe(true);
  });
  test.each([
    ["https://a.example", ["https://a.example"]],
    [" http://localhost:3000 , null,*", ["http://localhost:3000", "null", "*"]],
    ["HTTPS://A.example", ["HTTPS://A.example"]],
  ])("%j is a list of origins", (text, origins) => {
    expect(readOrigins(text)).toEqual(origins);
  });
  test.each(["", "a.example", "https://a/", "https://a/b", "https://u@a", "http://a,", "https://"])(
    "%j is none",
    text => {
      expect(() => readOrigins(text)).toThrow(
        `${FLAG} takes origins such as https://shop.example or http://localhost:3000, separated by commas, or * for all. Got ${text}`,
      );
    },
  );
});

describe("answers", () => {
  test("a fault has its status, and a long message is cut", () => {
    expect(faultAnswer(new RuntimeFault("NOT_FOUND", "x"))).toEqual({
      status: 404,
      type: "application/json",
      body: '{"error":"x"}',
    });
    const most = "x".repeat(2 ** 16);
    expect(faultAnswer(new RuntimeFault("INTERNAL", most), "text/plain")).toEqual({
      ...{ status: 500, type: "text/plain" },
      body: JSON.stringify({ error: most }),
    });
    expect(faultAnswer(new RuntimeFault("INTERNAL", `${most}y`)).body).toBe(JSON.stringify({ error: `${most}…` }));
    expect(faultAnswer(new RuntimeFault("RESOURCE_EXHAUSTED", "x"))).toMatchObject({ headers: { "Retry-After": "1" } });
  });
  test("of restricted routes and wrong methods", () => {
    expect(restricted("key")).toEqual({
      ...{ status: 403, type: "text/plain" },
      body: `{"error":"This API is restricted, expecting header 'key'"}`,
    });
    expect(methodNotAllowed("text/plain")).toEqual({
      ...{ status: 405, type: "text/plain" },
      body: '{"error":"Method Not Allowed"}',
    });
  });
});

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

describe("a body without JSON", () => {
  const PREFIX = "INVALID_ARGUMENT [request id: <id_unknown>]";
  const input = (data_type: "TYPE_INT32" | "TYPE_STRING", dims: readonly number[]) => ({
    input: [{ name: "X", data_type, dims: [...dims] }],
  });
  const read = (bytes: number, init: Parameters<typeof configOf>[0]) =>
    rawRequest(Buffer.alloc(bytes, 7), configOf(init), signal);
  test.each([
    ["its fixed shape", 8, { ...input("TYPE_INT32", [2]), max_batch_size: 4 }, [1, 2]],
    ["its fixed shape without a batch", 8, input("TYPE_INT32", [2]), [2]],
    ["a dimension by its length", 24, { ...input("TYPE_INT32", [-1, 2]), max_batch_size: 4 }, [1, 3, 2]],
    ["an empty dimension", 0, input("TYPE_INT32", [-1]), [0]],
  ] as const)("becomes the input, of %s", (_, bytes, init, shape) => {
    const { request, isBinary } = read(bytes, init as never);
    expect(request).toMatchObject({ id: "", outputs: [], inputs: [{ name: "X", datatype: "INT32", shape }] });
    expect(request.inputs[0]!.data).toHaveLength(bytes);
    expect([request.parameters.size, isBinary("Y")]).toEqual([0, true]);
  });
  test("becomes one text", () => {
    const { request } = read(3, { ...input("TYPE_STRING", [1]), max_batch_size: 4 });
    expect(request.inputs[0]).toMatchObject({ datatype: "BYTES", shape: [1, 1] });
    expect([...(request.inputs[0]!.data as Buffer)]).toEqual([3, 0, 0, 0, 7, 7, 7]);
  });
  test.each([
    [
      "a model of two inputs",
      8,
      { input: [input("TYPE_INT32", [2]).input[0]!, { ...input("TYPE_INT32", [2]).input[0]!, name: "Y" }] },
      "Raw request must only have 1 input (found 1) to be deduced but got 2 inputs in 'm' model configuration",
    ],
    ["texts", 8, input("TYPE_STRING", [2]), "For BYTE datatype raw input 'X', the model must have input shape [1]"],
    [
      "two variable dimensions",
      8,
      input("TYPE_INT32", [-1, -1]),
      "The shape of the raw input 'X' can not be deduced because there are more than one variable-sized dimension",
    ],
    [
      "another size",
      12,
      input("TYPE_INT32", [2]),
      "input byte size mismatch for input 'raw_input' for model 'm'. Expected 8, got 12",
    ],
    [
      "a size between two",
      13,
      input("TYPE_INT32", [-1, 2]),
      "input byte size mismatch for input 'raw_input' for model 'm'. Expected 8, got 13",
    ],
  ] as const)("is refused for %s", (_, bytes, init, text) => {
    expect(caught(() => read(bytes, init as never))).toBe(`${PREFIX} ${text}`);
  });
  test("is refused for a model of no inputs", () => {
    expect(caught(() => read(8, { input: [] }))).toContain("but got 0 inputs");
  });
});

describe("a configuration as JSON", () => {
  const printed = (value: unknown) => JSON.parse(printConfig(value as never).replaceAll(/(?<=:)(\d{17,})/g, '"#$1"'));
  test("has 64-bit integers as numbers, and those of rarer messages as texts", () => {
    const item = { device_id: 5, kind: "KIND_GPU" };
    const graph = { batch_size: 1, input: { a: { dim: [4] } }, graph_lower_bound: { input: { a: { dim: [4] } } } };
    expect(
      printed({
        name: "m",
        max_batch_size: 8,
        input: [{ dims: [-1, 3] }],
        instance_group: [{ gpus: [1], secondary_devices: [item] }],
        sequence_batching: { state: [{ dims: [2], initial_state: [{ dims: [2], zero_data: true, name: "z" }] }] },
        optimization: { cuda: { graph_spec: [graph] }, priority: 2 },
      }),
    ).toEqual({
      name: "m",
      max_batch_size: 8,
      input: [{ dims: [-1, 3] }],
      instance_group: [{ gpus: [1], secondary_devices: [{ ...item, device_id: "5" }] }],
      sequence_batching: { state: [{ dims: [2], initial_state: [{ dims: ["2"], name: "z", zero_data: true }] }] },
      optimization: {
        cuda: {
          graph_spec: [
            { batch_size: 1, input: { a: { dim: ["4"] } }, graph_lower_bound: { input: { a: { dim: ["4"] } } } },
          ],
        },
        priority: 2,
      },
    });
  });
  test("has the source of an initial state last, whichever it is", () => {
    const state = (given: object) =>
      printConfig({ sequence_batching: { state: [{ initial_state: [given] }] } } as never).replace(
        /.*initial_state":\[/,
        "",
      );
    expect(state({ zero_data: true, name: "z" })).toBe('{"name":"z","zero_data":true}]}]}}');
    expect(state({ data_file: "f", name: "z" })).toBe('{"name":"z","data_file":"f"}]}]}}');
    expect(state({ data_file: "f" })).toBe('{"data_file":"f"}]}]}}');
  });
  test("has large integers with all their digits, and numbers that are none as texts", () => {
    expect(
      printConfig({
        a: 2 ** 60,
        b: 2 ** 64,
        c: Number.NaN,
        d: Infinity,
        e: 1e300,
        f: 1.5,
        g: 2 ** 53,
        h: null,
      } as never),
    ).toBe(
      `{"a":1152921504606846976,"b":18446744073709551615,"c":"NaN","d":"Infinity","e":18446744073709551615,"f":1.5,"g":9007199254740992,"h":null}`,
    );
  });
});

describe("memory of a body", () => {
  test("is charged, and given back when it is outgrown", () => {
    const budget = new MemoryBudget(1e6);
    const charge = budget.open();
    for (const room of [createBodyMemory(charge), chargedMemory(charge)]) {
      const buffer = room.make(1000);
      expect([buffer.length, budget.charged]).toEqual([1000, 1000]);
      room.outgrown(buffer);
      expect(budget.charged).toBe(0);
      expect(() => room.make(2e6)).toThrow("memory limit");
    }
  });
  test("is borrowed where it is large", () => {
    const room = createBodyMemory(new MemoryBudget().open());
    room.make(LARGE - 1);
    expect(room.borrowed).toBeUndefined();
    const large = room.make(LARGE);
    expect(room.borrowed!.moves(large.buffer)).toBe(true);
    room.outgrown(large);
    expect(room.borrowed!.moves(large.buffer)).toBe(false);
  });
  test.each([
    [0, 0],
    [1, 7],
    [8, 0],
    [13, 3],
    [-3, 0],
    [Number.NaN, 0],
    [1.5, 0],
  ])("begins where tensors behind %d bytes of JSON are aligned", (jsonLength, offset) => {
    expect(createBodyMemory(new MemoryBudget().open(), jsonLength).make(LARGE).byteOffset).toBe(offset);
  });
  test("of tensors is charged, and shared by small ones", () => {
    const budget = new MemoryBudget(1e6);
    const room = createBodyMemory(budget.open());
    const first = room.makeTensor(16);
    const large = room.makeTensor(LARGE);
    expect([budget.charged, large.length, room.borrowed!.moves(large.buffer)]).toEqual([LARGE + 16, LARGE, true]);
    expect([first.length, first.buffer.byteLength]).toEqual([16, 16]);
  });
  test("small tensors share a buffer, each where any array can begin", () => {
    const make = smallTensors();
    const [first, second, third, wide] = [make(3), make(3), make(5), make(2049)] as const;
    expect(first!.buffer.byteLength).toBe(3);
    expect([second!.byteOffset, third!.byteOffset, second!.length, third!.length]).toEqual([0, 8, 3, 5]);
    expect(second!.buffer).toBe(third!.buffer);
    expect(second!.buffer.byteLength).toBe(4096);
    expect(wide!.buffer.byteLength).toBe(2049);
    expect(make(2048).byteOffset).toBe(16);
    const next = make(2048);
    expect([next.byteOffset, next.buffer === second!.buffer]).toEqual([0, false]);
    expect(make(2048).byteOffset).toBe(2048);
  });
});

describe("a byte writer", () => {
  test("holds what was written, in pieces of at least 128 KiB", () => {
    const to = new ByteWriter();
    let text = "";
    for (let i = 0; to.size < 700_000; i++) {
      const part = `${i},`.repeat(1 + (i % 50));
      text += part;
      if (i % 2 === 0) to.text(part);
      else to.append(Buffer.from(part));
      expect(to.at).toBeLessThanOrEqual(to.bytes.length);
    }
    expect(Buffer.concat(to.pieces).toString()).toBe(text);
    expect(to.size).toBe(text.length);
    expect(to.pieces.length).toBeGreaterThan(2);
    for (const piece of to.pieces.slice(0, -1)) expect(piece.length).toBeGreaterThanOrEqual(2 ** 17);
  });
  test("returns what it outgrows, and makes room for what is larger than a piece", () => {
    const charge = new MemoryBudget().open();
    const to = new ByteWriter(chargedMemory(charge));
    expect(charge.bytes).toBe(512);
    to.append(Buffer.alloc(600, 1));
    expect(charge.bytes).toBe(1024);
    to.append(Buffer.alloc(2 ** 20, 2));
    expect([charge.bytes, to.pieces.length]).toEqual([600 + 2 ** 20, 1]);
    to.append(Buffer.alloc(2 ** 19, 3));
    expect([to.pieces.length, to.size, charge.bytes]).toEqual([2, 600 + 2 ** 20 + 2 ** 19, 600 + 2 ** 20 + 2 ** 19]);
    const all = Buffer.concat(to.pieces);
    expect([all[599], all[600], all[600 + 2 ** 20]]).toEqual([1, 2, 3]);
  });
});

describe("compression", () => {
  const pieces = [Buffer.alloc(300_000, "abc"), Buffer.alloc(10, "z"), Buffer.alloc(700_000, "defg")];
  test.each(["gzip", "deflate"] as const)("%s holds the pieces, and is charged", async encoding => {
    const charge = new MemoryBudget().open();
    const packed = await packPieces(pieces, encoding, charge, signal);
    const all = Buffer.concat(packed);
    expect((encoding === "gzip" ? gunzipSync : inflateSync)(all).equals(Buffer.concat(pieces))).toBe(true);
    expect(charge.bytes).toBe(all.length);
  });
  test("ends when the client leaves, and when the memory is used up", async () => {
    const gone = new AbortController();
    const add = vi.spyOn(gone.signal, "removeEventListener");
    const packing = packPieces(pieces, "gzip", new MemoryBudget().open(), gone.signal as never);
    gone.abort();
    const left = { code: "CANCELLED", message: "the client left before its answer was compressed" };
    await expect(packing).rejects.toMatchObject(left);
    expect(add).toHaveBeenCalled();
    await expect(packPieces(pieces, "gzip", new MemoryBudget().open(), gone.signal as never)).rejects.toMatchObject(
      left,
    );
    await expect(packPieces(pieces, "gzip", new MemoryBudget(5).open(), signal)).rejects.toThrow("memory limit");
  });
});

describe("an inference's answer", () => {
  const tensor = (name: string, data: Uint8Array, datatype = "INT32"): Tensor =>
    ({ name, datatype, shape: [data.length / 4], data }) as Tensor;
  const int32 = (...values: number[]) => new Uint8Array(Int32Array.from(values).buffer);
  const body = (response: object, isBinary: (name: string) => boolean = () => false) => {
    const given = { id: "", model: "m", version: "1", parameters: new Map(), outputs: [], ...response };
    const printing = printInferResponse(given as never, isBinary);
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
  test("has wanted bytes behind the JSON, in its own pieces where they are many", () => {
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

describe("a load request", () => {
  const load = async (body: string | undefined) => {
    const calls = { load: vi.fn(async () => {}) };
    const budget = new MemoryBudget();
    const exchange = {
      head: { body: body === undefined ? 0 : Buffer.byteLength(body) },
      readBody(reader: { data(bytes: Buffer, start: number, end: number): void; end(): void }) {
        if (body !== undefined) reader.data(Buffer.from(body), 0, Buffer.byteLength(body));
        reader.end();
      },
      discardBody() {},
    };
    const call = { request: exchange, context: { calls, budget, maxInputSize: 2 ** 26 }, path: { model: "m" }, signal };
    const answer = await answerLoad(call as never).catch(error => `${error.code} ${error.message}`);
    // What it held is given back.
    expect(budget.charged).toBe(0);
    return {
      answer,
      override: calls.load.mock.calls[0] as unknown as [string, { config?: string; files: Map<string, Buffer> }?],
    };
  };
  const done = { status: 200, type: "application/json", body: "" };
  test.each([undefined, "", "{}", "[]", '{"parameters":{}}'])("of %j brings nothing along", async body => {
    expect(await load(body)).toEqual({ answer: done, override: ["m", undefined] });
  });
  test("brings a configuration and files along", async () => {
    const file = Buffer.from("hello").toString("base64");
    const { answer, override } = await load(
      JSON.stringify({ parameters: { config: "{}", "file:1/x": file, "file:y": "" } }),
    );
    expect(answer).toEqual(done);
    expect(override).toEqual([
      "m",
      {
        config: "{}",
        files: new Map([
          ["1/x", Buffer.from("hello")],
          ["y", Buffer.alloc(0)],
        ]),
      },
    ]);
    const alone = await load(JSON.stringify({ parameters: { "file:z": file } }));
    expect(alone.override[1]).toEqual({ files: new Map([["z", Buffer.from("hello")]]) });
  });
  test.each([
    ["in parts", (text: string) => text],
    ["whole, where line ends shift the groups of four", (text: string) => `${text.slice(0, 3)}\n${text.slice(3)}`],
    ["in parts, of exactly two", (text: string) => text.slice(0, 2 ** 21)],
  ])("decodes a long file %s", async (_, change) => {
    const bytes = Buffer.alloc(2_000_003, "0123456789abc");
    const text = change(bytes.toString("base64"));
    const { override } = await load(JSON.stringify({ parameters: { "file:x": text } }));
    expect(override[1]!.files.get("x")!.equals(Buffer.from(text, "base64"))).toBe(true);
  });
  const TEXT = "INTERNAL attempt to access JSON non-string as string";
  test.each([
    ['{"parameters":[]}', "INTERNAL attempt to get members for non-object"],
    ['{"parameters":{"config":1}}', TEXT],
    ['{"parameters":{"file:x":true}}', TEXT],
    ['{"parameters":{"other":"x"}}', "INTERNAL unexpected error on creating Triton parameter"],
    ['{"parameters":{"xfile:":"x"}}', "INTERNAL unexpected error on creating Triton parameter"],
  ])("of %s is refused", async (body, expected) => {
    const { answer, override } = await load(body);
    expect([answer, override]).toEqual([expected, undefined]);
  });
  test("has 4096 parameters at most", async () => {
    const of = (count: number): string =>
      JSON.stringify({ parameters: Object.fromEntries(Array.from({ length: count }, (_, i) => [`file:${i}`, ""])) });
    expect((await load(of(4096))).answer).toEqual(done);
    expect((await load(of(4097))).answer).toBe(
      "INVALID_ARGUMENT the load request has 4097 parameters; at most 4096 are supported",
    );
  });
});
