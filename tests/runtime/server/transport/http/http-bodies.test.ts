/** Bodies of HTTP requests as they arrive, their sizes and marks, and the inference requests that they become: short and long ones are read the same. */
import { gzipSync } from "node:zlib";
import { describe, expect, test, vi } from "vitest";
import { RuntimeFault } from "#runtime/base/errors.js";
import { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import { atOnce, isSliced } from "#runtime/base/slices.js";
import { jsonLengthOf } from "#runtime/server/transport/http/binary-form.js";
import { binaryLimit, isPacked, readBody, unpackBody } from "#runtime/server/transport/http/body.js";
import { answerRoute, methodInLog, pathOf } from "#runtime/server/transport/http/dispatch.js";
import type { GrowableMemory } from "#runtime/server/transport/http/growable-buffer.js";
import { readInferRequest } from "#runtime/server/transport/http/infer-request.js";
import { route } from "#runtime/server/transport/http/route.js";
import type { ModelConfigInit } from "#triton-protos/model-config.js";
import { configOf } from "../../scheduling/support.js";

const signal = new AbortController().signal as never;
const faultOf = (error: unknown): string => `${(error as RuntimeFault).code} ${(error as Error).message}`;

describe("a body that arrives", () => {
  const HINT = "Use --http-max-input-size to increase the limit.";
  const receive = (parts: readonly Buffer[], { length, limit = 1e6, cut = false } = {} as Given) => {
    const made: number[] = [];
    const outgrown: number[] = [];
    const room: GrowableMemory = {
      make(size) {
        if (size > 5e6) throw new RuntimeFault("RESOURCE_EXHAUSTED", "no memory");
        made.push(size);
        return Buffer.alloc(size);
      },
      outgrown: buffer => void outgrown.push(buffer.length),
    };
    const exchange = {
      head: { body: length ?? "chunked" },
      discardBody: vi.fn(),
      refuseBody: vi.fn(),
      readBody(reader: { data(bytes: Buffer, start: number, end: number): void; end(): void; cut(): void }) {
        // Each part is a slice of what a socket has read.
        for (const part of parts)
          reader.data(Buffer.concat([Buffer.from("##"), part, Buffer.from("##")]), 2, 2 + part.length);
        if (cut) reader.cut();
        else reader.end();
      },
    };
    const body = readBody(exchange as never, limit, room).catch(faultOf);
    return { body, made, outgrown, exchange };
  };
  interface Given {
    readonly length?: number;
    readonly limit?: number;
    readonly cut?: boolean;
  }
  const bytes = (count: number, from = 0): Buffer =>
    Buffer.from(Array.from({ length: count }, (_, i) => (from + i) % 251));
  test("of an announced length is put together, and room is made ahead, up to that length", async () => {
    const { body, made, outgrown } = receive([bytes(100), bytes(100, 100), bytes(1800, 200)], { length: 2000 });
    expect((await body) as Buffer).toEqual(bytes(2000));
    expect([made, outgrown]).toEqual([[1600, 2000], [1600]]);
  });
  test("in chunks is put together, and room doubles", async () => {
    const { body, made, outgrown } = receive([bytes(200), bytes(300, 200), bytes(600, 500)]);
    expect((await body) as Buffer).toEqual(bytes(1100));
    expect([made, outgrown]).toEqual([
      [400, 1000, 2200],
      [400, 1000],
    ]);
  });
  test("has room for 256 bytes at least, and for the limit at most", async () => {
    expect(receive([bytes(1)]).made).toEqual([256]);
    expect(receive([bytes(1)], { length: 1 }).made).toEqual([256]);
    expect(receive([bytes(700)], { limit: 1000 }).made).toEqual([1000]);
  });
  test("that is empty is empty", async () => {
    const { body, made } = receive([]);
    expect([await body, made]).toEqual([Buffer.alloc(0), []]);
  });
  const tooLarge = (size: number, limit: number): string =>
    `INVALID_ARGUMENT request JSON size of ${size} bytes exceeds the maximum allowed input size of ${limit} bytes. ${HINT}`;
  test("may have exactly the limit, and not more, announced or not", async () => {
    expect(await receive([bytes(10)], { length: 10, limit: 10 }).body).toEqual(bytes(10));
    expect(await receive([bytes(10)], { limit: 10 }).body).toEqual(bytes(10));
    const announced = receive([], { length: 11, limit: 10 });
    expect([await announced.body, announced.made]).toEqual([tooLarge(11, 10), []]);
    const sent = receive([bytes(6), bytes(5)], { limit: 10 });
    expect(await sent.body).toBe(tooLarge(11, 10));
    expect(sent.exchange.discardBody).toHaveBeenCalled();
  });
  test("may come in 65,536 small chunks, and not in more", async () => {
    const small = Array.from({ length: 2 ** 16 }, () => bytes(1));
    expect(await receive(small).body).toHaveLength(2 ** 16);
    const { body, exchange } = receive([...small, bytes(1)]);
    expect(await body).toBe(
      `INVALID_ARGUMENT Chunked request body exceeds maximum of 65536 non-empty chunks. Send fewer or larger HTTP chunks.`,
    );
    expect(exchange.refuseBody).toHaveBeenCalledOnce();
    // Larger pieces, and those of an announced body, are not counted.
    expect(await receive([...small, ...Array.from({ length: 9 }, () => bytes(256))]).body).toHaveLength(
      2 ** 16 + 9 * 256,
    );
    expect(await receive([...small, bytes(1)], { length: 2 ** 16 + 1 }).body).toHaveLength(2 ** 16 + 1);
  });
  test("that needs more memory than there is is refused", async () => {
    const { body, exchange } = receive([Buffer.alloc(3e6)], { limit: 1e7 });
    expect(await body).toBe("RESOURCE_EXHAUSTED no memory");
    expect(exchange.discardBody).toHaveBeenCalled();
  });
  test("that is cut off is nobody's", async () => {
    expect(await receive([bytes(3)], { cut: true }).body).toContain("the client has gone before the end of its body");
  });
});

describe("a packed body", () => {
  const unpack = (body: Buffer, encoding = "gzip", given: object = {}) =>
    unpackBody(body, encoding, {
      ...{ maxInputSize: 1000, allowance: 1000, charge: new MemoryBudget().open(), signal },
      ...given,
    }).catch(faultOf);
  test("is unpacked up to the limits, each with its hint", async () => {
    const plain = Buffer.alloc(1000, "ab");
    expect(await unpack(gzipSync(plain))).toEqual(plain);
    const larger = gzipSync(Buffer.alloc(1001, "ab"));
    expect(await unpack(larger)).toBe(
      "INVALID_ARGUMENT Decompressed data size exceeds the maximum allowed value of 1000 bytes. Use --http-max-input-size to increase the limit.",
    );
    expect(await unpack(larger, "deflate", { allowance: 500 })).toBe(
      `INVALID_ARGUMENT Decompressed data size exceeds the maximum allowed value of 500 bytes for a body of ${larger.length} bytes. Send it uncompressed, or use --request-memory-ratio to increase the limit.`,
    );
    expect(await unpack(larger, "br")).toBe("UNSUPPORTED Unsupported compression type");
  });
  test("is one with another encoding than identity", () => {
    expect([undefined, "identity", "gzip", "br", ""].map(isPacked)).toEqual([false, false, true, true, true]);
    expect([binaryLimit(5), binaryLimit(2 ** 31)]).toEqual([2 ** 30, 2 ** 31]);
  });
});

describe("the content type of a cloud's front end", () => {
  const mime = "application/vnd.x;json-header-size=" as const;
  const length = (type: string | undefined, received = 100) => {
    try {
      return jsonLengthOf({ mime, inAnswers: true }, type, received);
    } catch (error) {
      return faultOf(error);
    }
  };
  test.each<readonly [string | undefined, number | string | undefined]>([
    [undefined, undefined],
    ["application/json", undefined],
    [`${mime}0`, 0],
    [`${mime}100`, 100],
    [`${mime} +7x`, 7],
    [`${mime}x`, "INVALID_ARGUMENT Unable to parse inference header size, got: x"],
    [
      `${mime}2147483648`,
      "INVALID_ARGUMENT Unable to parse inference header size, value is out of range, got: 2147483648",
    ],
    [`${mime}2147483647`, "INVALID_ARGUMENT inference header size should be in range (0, 100), got: 2147483647"],
    [
      `${mime}-2147483649`,
      "INVALID_ARGUMENT Unable to parse inference header size, value is out of range, got: -2147483649",
    ],
    [`${mime}-2147483648`, "INVALID_ARGUMENT inference header size should be in range (0, 100), got: -2147483648"],
    [`${mime}101`, "INVALID_ARGUMENT inference header size should be in range (0, 100), got: 101"],
    [`${mime}-1`, "INVALID_ARGUMENT inference header size should be in range (0, 100), got: -1"],
    [`a ${mime}1`, `INVALID_ARGUMENT expect MIME type for binary data starts with '${mime}', got: a ${mime}1`],
  ])("%s", (type, expected) => {
    expect(length(type)).toBe(expected);
  });
});

describe("the route of a request", () => {
  const answered = (name: string) => ({ status: 200, type: "text/plain", body: name }) as const;
  const seen: unknown[] = [];
  const routes = [
    route("GET", "health", "/a/(?<model>[^/]+)", ({ path }) => {
      seen.push({ ...path });
      return answered("get");
    }),
    route("POST", "inference", "/a/(?<model>[^/]+)", () => answered("post")),
    route("GET", "health", "/live", () => answered("live")),
  ];
  const ask = (
    method: string,
    path: string,
    methods?: "any",
    restriction: (api: string) => string | undefined = () => undefined,
  ) =>
    answerRoute(routes, { head: { method, headers: { key: "v" } } } as never, { restriction } as never, path, methods);
  test("has the request's path and method", () => {
    expect(ask("GET", "/a/m")).toMatchObject({ body: "get" });
    expect(seen).toEqual([{ model: "m" }]);
    expect(ask("POST", "/a/m")).toMatchObject({ body: "post" });
    expect(ask("POST", "/live", "any")).toMatchObject({ body: "live" });
    for (const path of ["/a", "/a/", "/a/m/", "x/a/m", "/nothing"]) expect(ask("GET", path)).toBeUndefined();
  });
  test("of another method is 405, plain where Triton answers so", () => {
    expect(ask("PUT", "/a/m")).toMatchObject({ status: 405, type: "application/json" });
    expect(ask("POST", "/live")).toMatchObject({ status: 405, type: "text/plain" });
  });
  test("that is restricted is closed", () => {
    expect(ask("POST", "/a/m", undefined, api => (api === "inference" ? "key" : undefined))).toMatchObject({
      status: 403,
    });
    expect(ask("GET", "/live", undefined, api => (api === "inference" ? "key" : undefined))).toMatchObject({
      body: "live",
    });
  });
  test("is looked up by the path alone", () => {
    const paths = ["/v2?x=1", "http://host:80/v2?y", "https://h/v2", "/http://h/v2"].map(target =>
      pathOf({ target } as never),
    );
    expect(paths).toEqual(["/v2", "/v2", "/v2", "/http://h/v2"]);
    expect(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"].map(methodInLog)).toEqual([0, 1, 2, 3, 4, "PATCH"]);
  });
});

describe("an inference request", () => {
  const input = (name: string, more: object = {}) => ({ name, datatype: "INT32", shape: [1], data: [7], ...more });
  const config = (count: number): ModelConfigInit => ({
    input: Array.from({ length: count }, (_, i) => ({ name: `I${i}`, data_type: "TYPE_INT32" as const, dims: [-1] })),
  });
  const parts = new Map<string, ReturnType<typeof part>>();
  const region = {
    part(_: string, offset: bigint, size: bigint) {
      const key = `${offset} ${size}`;
      if (!parts.has(key)) parts.set(key, part(Number(offset), Number(size)));
      return parts.get(key)!;
    },
  };
  const part = (offset: number, size: number) => ({
    size,
    read: () => Uint8Array.from({ length: size }, (_, i) => offset + i),
    readPart: (data: Uint8Array, from: number, to: number) => void data.fill(9, from, to),
  });
  function read(json: unknown, blob = Buffer.alloc(0), { count = 1, maxInputSize = 2 ** 26 } = {}) {
    const text = typeof json === "string" ? json : JSON.stringify(json);
    const head = Buffer.from(text);
    const limits = { maxInputSize, memory: region as never, allocated: () => {} };
    try {
      const reading = readInferRequest(
        Buffer.concat([head, blob]),
        blob.length > 0 ? head.length : undefined,
        configOf(config(count)),
        limits,
        signal,
      );
      return { ...(isSliced(reading) ? atOnce(reading) : reading), sliced: isSliced(reading) };
    } catch (error) {
      return { fault: faultOf(error) };
    }
  }
  /** The same request in a body that is read in slices. */
  const long = (json: object): string => JSON.stringify({ ...json, padding: "x".repeat(60_000) });
  const both = (json: object, blob?: Buffer, given = {}) => {
    const [short, sliced] = [read(json, blob, given), read(long(json), blob, given)];
    if (!("fault" in sliced)) expect(sliced.sliced).toBe(true);
    expect(comparable(sliced)).toEqual(comparable(short));
    return short as ReturnType<typeof read> & { request: never; fault?: string };
  };
  /** Bytes as text, which is compared at once. */
  const comparable = ({ request, fault }: { request?: unknown; fault?: string }) => {
    const given = request as { inputs: { data: Uint8Array }[] } | undefined;
    const inputs = given?.inputs.map(({ data, ...rest }) => ({ ...rest, data: Buffer.from(data).toString("base64") }));
    return { fault, request: given && { ...given, inputs } };
  };
  const inputsOf = ({ request }: { request?: unknown }) =>
    (request as { inputs: { name: string; data: Uint8Array }[] }).inputs.map(({ name, data }) => [name, ...data]);

  test("has inputs from JSON, from the bytes behind it, and from shared memory, in order", () => {
    const found = both(
      {
        id: "7",
        inputs: [
          input("I0"),
          input("I1", { data: undefined, parameters: { binary_data_size: 4 } }),
          input("I2", {
            data: undefined,
            parameters: { shared_memory_region: "r", shared_memory_offset: 3, shared_memory_byte_size: 2 },
          }),
          input("I3", { data: undefined, parameters: { binary_data_size: 2 } }),
        ],
      },
      Buffer.from([1, 2, 3, 4, 5, 6]),
      { count: 4 },
    );
    expect(inputsOf(found)).toEqual([
      ["I0", 7, 0, 0, 0],
      ["I1", 1, 2, 3, 4],
      ["I2", 3, 4],
      ["I3", 5, 6],
    ]);
  });
  test("reads a region of more than a MiB in parts, and none for inputs that no model has", () => {
    const size = 2 ** 20 + 5;
    const large = input("I0", {
      data: undefined,
      parameters: { shared_memory_region: "r", shared_memory_byte_size: size },
    });
    const [{ length }] = (both({ inputs: [large] }).request as { inputs: { data: Uint8Array }[] }).inputs.map(
      ({ data }) => data,
    ) as [Uint8Array];
    expect(length).toBe(size);
    const more = both({ inputs: [input("I0"), { ...large, name: "I1" }] });
    expect(inputsOf(more)[1]).toEqual(["I1"]);
  });
  test("says which outputs are wanted, and how", () => {
    const wanted = {
      inputs: [input("I0")],
      outputs: [
        { name: "A", parameters: { binary_data: true } },
        { name: "B" },
        { name: "C", parameters: { classification: 3 } },
        { name: "D", parameters: { shared_memory_region: "r", shared_memory_byte_size: 2, binary_data: false } },
        { name: "E", parameters: { classification: 0 } },
      ],
    };
    const found = both(wanted) as never as {
      request: { outputs: string[]; wishes: Map<string, object> };
      isBinary(name: string): boolean;
    };
    expect(found.request.outputs).toEqual(["A", "B", "C", "D", "E"]);
    expect(found.request.outputs.map(name => found.isBinary(name))).toEqual([true, false, false, false, false]);
    expect([...found.request.wishes.keys()]).toEqual(["C", "D"]);
    expect(found.request.wishes.get("C")).toEqual({ classes: 3 });
    const all = both({ inputs: [input("I0")], parameters: { binary_data_output: true } }) as typeof found;
    expect([all.isBinary("X"), all.request.outputs]).toEqual([true, []]);
    const some = both({ ...wanted, parameters: { binary_data_output: true } }) as typeof found;
    expect(some.isBinary("B")).toBe(false);
    expect((both({ inputs: [input("I0")] }) as typeof found).isBinary("X")).toBe(false);
    const wide = both({
      inputs: [input("I0")],
      outputs: [{ name: "A", parameters: { classification: 2 ** 32 + 2 } }],
    }) as typeof found;
    expect(wide.request.wishes.get("A")).toEqual({ classes: 2 });
    const widest = read(
      '{"inputs":[{"name":"I0","datatype":"INT32","shape":[1],"data":[7]}],"outputs":[{"name":"A","parameters":{"classification":18446744073709551615}}]}',
    ) as never as typeof found;
    expect(widest.request.wishes.get("A")).toEqual({ classes: 2 ** 32 - 1 });
  });
  const SOURCES =
    "INVALID_ARGUMENT Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', 'shared_memory_region' in 'parameters'. ";
  const twice = (what: string, name: string): string =>
    `INVALID_ARGUMENT [request id: <id_unknown>] ${what} '${name}' already exists in request`;
  const missing = (field: string): string =>
    `INTERNAL Unable to parse '${field}': attempt to access non-existing object member '${field}'`;
  const kind = (field: string, name: string): string =>
    `INTERNAL Unable to parse '${field}': attempt to access JSON non-${name} as ${name}`;
  test.each<readonly [string, object, string, Buffer?]>([
    ["without inputs", {}, missing("inputs")],
    ["whose inputs are no list", { inputs: 1 }, kind("inputs", "array")],
    ["whose input has no name", { inputs: [{ ...input("x"), name: undefined }] }, missing("name")],
    ["whose input has no datatype", { inputs: [input("x", { datatype: undefined })] }, missing("datatype")],
    ["whose input has no shape", { inputs: [input("x", { shape: undefined })] }, missing("shape")],
    ["whose shape is no list", { inputs: [input("x", { shape: 1 })] }, kind("shape", "array")],
    ["whose dimension is negative", { inputs: [input("x", { shape: [-1] })] }, kind("shape", "unsigned-integer")],
    ["whose input has no data", { inputs: [input("x", { data: undefined })] }, `${SOURCES}But no field is set`],
    [
      "whose input has data twice",
      { inputs: [input("x", { parameters: { binary_data_size: 4 } })] },
      `${SOURCES}But set 'data' 'binary_data_size'`,
    ],
    [
      "whose input has data three times",
      { inputs: [input("x", { parameters: { binary_data_size: 4, shared_memory_region: "r" } })] },
      `${SOURCES}But set 'data' 'binary_data_size' 'shared_memory_region'`,
    ],
    ["with an input twice", { inputs: [input("I0"), input("I0")] }, twice("input", "I0")],
    ["with an input twice among many", { inputs: [..."abcdefghijkj"].map(name => input(name)) }, twice("input", "j")],
    [
      "with an input twice, of which the first is early among many",
      { inputs: [..."abcdefghijka"].map(name => input(name)) },
      twice("input", "a"),
    ],
    ["with an output twice", { inputs: [input("I0")], outputs: [{ name: "A" }, { name: "A" }] }, twice("output", "A")],
    ["whose output has no name", { inputs: [input("I0")], outputs: [{}] }, missing("name")],
    [
      "whose output is a region and classes",
      { inputs: [input("I0")], outputs: [{ name: "A", parameters: { shared_memory_region: "r", classification: 1 } }] },
      "INVALID_ARGUMENT Output can't set both 'shared_memory_region' and 'classification'",
    ],
    [
      "whose output is a region and bytes",
      { inputs: [input("I0")], outputs: [{ name: "A", parameters: { shared_memory_region: "r", binary_data: true } }] },
      "INVALID_ARGUMENT Output can't set both 'shared_memory_region' and 'binary_data'",
    ],
    [
      "whose classes are no number",
      { inputs: [input("I0")], outputs: [{ name: "A", parameters: { classification: -1 } }] },
      "INTERNAL Unable to set 'classification': attempt to access JSON non-unsigned-integer as unsigned-integer",
    ],
    ...["1.5", "x", null].map(
      classification =>
        [
          `whose classes are ${classification}`,
          {
            inputs: [input("I0")],
            outputs: [{ name: "A", parameters: { classification: classification === "1.5" ? 1.5 : classification } }],
          },
          "INTERNAL Unable to set 'classification': attempt to access JSON non-unsigned-integer as unsigned-integer",
        ] as const,
    ),
    ["whose id is no text", { id: 5, inputs: [input("I0")] }, kind("id", "string")],
    [
      "with too few bytes behind the JSON",
      { inputs: [input("I0", { data: undefined, parameters: { binary_data_size: 6 } })] },
      "INVALID_ARGUMENT unexpected size for input 'I0', expecting 2 additional bytes for model 'm'",
      Buffer.alloc(4),
    ],
    [
      "with bytes that no input has",
      { inputs: [input("I0")] },
      "INVALID_ARGUMENT unexpected additional input data for model 'm'",
      Buffer.alloc(4),
    ],
    [
      "of another datatype",
      { inputs: [input("I0", { datatype: "INT33" })] },
      "INVALID_ARGUMENT invalid datatype for input I0",
    ],
    [
      "of a datatype that JSON has not",
      { inputs: [input("I0", { datatype: "FP16" })] },
      "INVALID_ARGUMENT receiving FP16 data via JSON is not supported. Please use the binary data format for input I0",
    ],
    [
      "of more elements than its shape",
      { inputs: [input("I0", { data: [1, 2] })] },
      "INTERNAL Unable to parse 'data': Shape does not match true shape of 'data' field",
    ],
    [
      "of fewer",
      { inputs: [input("I0", { shape: [2] })] },
      "INTERNAL Failed to parse 'data' field: shape does not match true shape",
    ],
  ])("%s is refused", (_, json, expected, blob) => {
    expect(both(json, blob).fault).toBe(expected);
  });
  test("of a size beyond the limits is refused", () => {
    const size = (json: object, maxInputSize: number) => read(json, undefined, { maxInputSize });
    const text = JSON.stringify({ inputs: [input("I0")] });
    expect(size({ inputs: [input("I0")] }, text.length)).not.toHaveProperty("fault");
    expect(size({ inputs: [input("I0")] }, text.length - 1).fault).toMatch(
      /^INVALID_ARGUMENT request JSON size of \d+ bytes exceeds/,
    );
    expect(read({ inputs: [input("I0", { shape: [2 ** 30] })] }).fault).toContain(
      `JSON input 'I0' has a byte_size (${2 ** 32} bytes) that exceeds the maximum allowed value of ${2 ** 26} bytes.`,
    );
    expect(read({ inputs: [input("I0", { shape: [2 ** 31, 2 ** 31, 2] })] }).fault).toContain(
      "causes total element count to exceed",
    );
    expect(
      read('{"inputs":[{"name":"I0","datatype":"INT32","shape":[9223372036854775808],"data":[7]}]}').fault,
    ).toContain("shape [-9223372036854775808] contains one or more invalid dimensions");
    expect(read({ inputs: [input("I0", { shape: [2 ** 61] })] }).fault).toContain(
      `byte size overflow for input 'I0': element count (${2n ** 61n}) * data type size (4) exceeds maximum allowed size (${2n ** 63n - 1n})`,
    );
    const id = (length: number) => read({ id: "x".repeat(length), inputs: [input("I0")] });
    expect(id(2 ** 16)).not.toHaveProperty("fault");
    expect(id(2 ** 16 + 1).fault).toBe(
      "INVALID_ARGUMENT the request's id has 65537 characters; at most 65536 are supported",
    );
  });
  test("without JSON is one raw input", () => {
    const limits = { maxInputSize: 8, memory: region as never };
    const raw = (bytes: number, jsonLength: number | undefined) => {
      try {
        const request = readInferRequest(Buffer.alloc(bytes), jsonLength, configOf(config(1)), limits, signal);
        return (request as { request: { inputs: { shape: number[] }[] } }).request.inputs[0]!.shape;
      } catch (error) {
        return faultOf(error);
      }
    };
    expect([raw(8, 0), raw(0, undefined)]).toEqual([[2], [0]]);
    expect(raw(12, 0)).toBe(
      "INVALID_ARGUMENT Raw input has a byte_size (12 bytes) that exceeds the maximum allowed value of 8 bytes. Use --http-max-input-size to increase the limit.",
    );
  });
});
