/** Inference requests from JSON, binary data and shared memory: short and long ones are read the same. */
import { describe, expect, test } from "vitest";
import type { RuntimeFault } from "#runtime/base/errors.js";
import { isSliced } from "#runtime/base/slices.js";
import { readInferRequest } from "#runtime/server/transport/http/infer-request.js";
import type { ModelConfigInit } from "#triton-protos/model-config.js";
import { configOf } from "../../scheduling/support.js";
import { withPauses } from "./support.js";

const signal = new AbortController().signal as never;
const faultOf = (error: unknown): string => `${(error as RuntimeFault).code} ${(error as Error).message}`;

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
      const { result, pauses } = withPauses(reading);
      return { ...result, sliced: isSliced(reading), pauses };
    } catch (error) {
      return { fault: faultOf(error) };
    }
  }
  /** The same request in a body that is read in slices. */
  const long = (json: object): string => JSON.stringify({ ...json, padding: "x".repeat(60_000) });
  const both = (json: object, blob?: Buffer<ArrayBuffer>, given = {}) => {
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
  const inRegion = (size: number) =>
    input("I0", { data: undefined, parameters: { shared_memory_region: "r", shared_memory_byte_size: size } });
  const readWell = (json: object) => read(json) as Exclude<ReturnType<typeof read>, { fault: string }>;
  test("is read with a pause after each MiB of a longer region", () => {
    const MIB = 2 ** 20;
    const found = [MIB, MIB + 1, 2 * MIB, 2 * MIB + 1].map(size => readWell({ inputs: [inRegion(size)] }));
    expect(found.map(({ sliced, pauses }) => [sliced, pauses])).toEqual([
      [false, 0],
      ...[2, 2, 3].map(pauses => [true, pauses]),
    ]);
    const bytes = found.map(({ request }) => request.inputs[0]!.data);
    expect(bytes.map(({ length }) => length)).toEqual([MIB, MIB + 1, 2 * MIB, 2 * MIB + 1]);
    expect(bytes[3]!.every(byte => byte === 9)).toBe(true);
  });
  test.each([
    [63, 0],
    [64, 1],
    [130, 2],
  ])("with %d more inputs, or outputs, after a long region pauses %d times more", (count, pauses) => {
    const names = Array.from({ length: count }, (_, i) => `N${i}`);
    const inputs = [inRegion(2 ** 20 + 1), ...names.map(name => input(name))];
    expect(readWell({ inputs }).pauses).toBe(2 + pauses);
    const found = readWell({ inputs: inputs.slice(0, 1), outputs: names.map(name => ({ name })) });
    expect(found.pauses).toBe(2 + pauses);
  });
  test("of up to 32 KiB is read at once", () => {
    const json = JSON.stringify({ inputs: [input("I0")] });
    const ofLength = (length: number) =>
      read(json.padEnd(length)) as Exclude<ReturnType<typeof read>, { fault: string }>;
    expect([2 ** 15, 2 ** 15 + 1].map(length => ofLength(length).sliced)).toEqual([false, true]);
  });
  test("has a region without an account of its bytes", () => {
    const [head, limits] = [Buffer.from(JSON.stringify({ inputs: [inRegion(2)] })), { maxInputSize: 2 ** 20 }];
    const given = { ...limits, memory: region as never };
    const { result } = withPauses(readInferRequest(head, undefined, configOf(config(1)), given, signal));
    expect(inputsOf(result)).toEqual([["I0", 0, 1]]);
  });
  test("selects outputs, and their form", () => {
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
    expect(["B", "X"].map(name => some.isBinary(name))).toEqual([false, false]);
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
    expect(both(json as object, blob as Buffer<ArrayBuffer> | undefined).fault).toBe(expected);
  });
  test("whose classes are a negative number of 64 bits is refused", () => {
    const outputs = '[{"name":"A","parameters":{"classification":-9223372036854775807}}]';
    expect(read(`{"inputs":[${JSON.stringify(input("I0"))}],"outputs":${outputs}}`).fault).toBe(
      "INTERNAL Unable to set 'classification': attempt to access JSON non-unsigned-integer as unsigned-integer",
    );
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
        return (request as unknown as { request: { inputs: { shape: number[] }[] } }).request.inputs[0]!.shape;
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
