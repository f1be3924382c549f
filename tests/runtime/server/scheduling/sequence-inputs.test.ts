/** The tensors that the server adds to requests of sequences: controls of every kind and type, implicit state, and placeholders. */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Tensor } from "#runtime/base/tensor.js";
import { sequenceInputs } from "#runtime/server/scheduling/sequence-inputs.js";
import { MAX_MADE_BYTES } from "#triton-protos/config-limits.js";
import type { ModelConfigInit } from "#triton-protos/model-config.js";
import { configOf, requestOf } from "./support.js";

type Batching = NonNullable<ModelConfigInit["sequence_batching"]>;
const made = (batching: Batching, max_batch_size = 4, folder = "/nowhere/1") =>
  sequenceInputs(configOf({ max_batch_size, sequence_batching: batching }), folder);
const control = (kind: string, more: object = {}): Batching => ({
  control_input: [{ name: "C", control: [{ kind, ...more } as never] }],
});
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const int32 = (...values: number[]): Uint8Array => new Uint8Array(Int32Array.from(values).buffer);
const fp32 = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);
const named = (name: string, data: Uint8Array, shape: readonly number[], datatype = "INT32") =>
  ({ name, datatype, shape, data }) as Tensor;
const NONE = new Map<string, Tensor>();

describe("controls", () => {
  const START = "CONTROL_SEQUENCE_START";
  test.each<readonly [string, Batching, object, Partial<Tensor>]>([
    [
      "start, as integers",
      control(START, { int32_false_true: [5, 6] }),
      { start: true },
      { datatype: "INT32", data: int32(6) },
    ],
    ["no start", control(START, { int32_false_true: [5, 6] }), { start: false }, { datatype: "INT32", data: int32(5) }],
    [
      "start, as floats",
      control(START, { fp32_false_true: [-1, 0.5] }),
      { start: true },
      { datatype: "FP32", data: fp32(0.5) },
    ],
    [
      "start, as booleans",
      control(START, { bool_false_true: [false, true] }),
      { start: true },
      { datatype: "BOOL", data: bytes(1) },
    ],
    [
      "start, as booleans that are swapped",
      control(START, { bool_false_true: [true, false] }),
      { start: true },
      { datatype: "BOOL", data: bytes(0) },
    ],
    ["end", control("CONTROL_SEQUENCE_END", { int32_false_true: [0, 1] }), { end: true }, { data: int32(1) }],
    ["no end", control("CONTROL_SEQUENCE_END", { int32_false_true: [0, 1] }), { start: true }, { data: int32(0) }],
    ["ready", control("CONTROL_SEQUENCE_READY", { int32_false_true: [0, 1] }), {}, { data: int32(1) }],
    [
      "a correlation id, as its type",
      control("CONTROL_SEQUENCE_CORRID", { data_type: "TYPE_UINT64" }),
      { correlationId: 2n ** 40n + 7n },
      { datatype: "UINT64", data: bytes(7, 0, 0, 0, 0, 1, 0, 0) },
    ],
    [
      "a correlation id, cut to a smaller type",
      control("CONTROL_SEQUENCE_CORRID", { data_type: "TYPE_INT32" }),
      { correlationId: 2n ** 32n + 9n },
      { datatype: "INT32", data: bytes(9, 0, 0, 0) },
    ],
    [
      "a correlation id that is a text",
      control("CONTROL_SEQUENCE_CORRID", { data_type: "TYPE_STRING" }),
      { correlationId: "ab" },
      { datatype: "BYTES", data: bytes(2, 0, 0, 0, 97, 98) },
    ],
    [
      "a number as a text",
      control("CONTROL_SEQUENCE_CORRID", { data_type: "TYPE_STRING" }),
      { correlationId: 12n },
      { datatype: "BYTES", data: bytes(2, 0, 0, 0, 49, 50) },
    ],
    [
      "no id as an empty text",
      control("CONTROL_SEQUENCE_CORRID", { data_type: "TYPE_STRING" }),
      { correlationId: 0n },
      { datatype: "BYTES", data: bytes(0, 0, 0, 0) },
    ],
    [
      "a text where the model takes numbers",
      control("CONTROL_SEQUENCE_CORRID", { data_type: "TYPE_UINT32" }),
      { correlationId: "ab" },
      { datatype: "UINT32", data: bytes(0, 0, 0, 0) },
    ],
  ])("%s", async (_, batching, controls, expected) => {
    for (const [max, shape] of [
      [4, [1, 1]],
      [0, [1]],
    ] as const) {
      const inputs = await made(batching, max);
      const { inputs: given } = inputs.complete(requestOf("1", { controls }), NONE);
      const found = given.get("C")!;
      expect({ ...found, data: Uint8Array.from(found.data) }).toEqual({ ...found, name: "C", shape, ...expected });
      expect([...given.keys()]).toEqual(["IN", "C"]);
    }
  });
});

describe("implicit state", () => {
  const state = (more: object = {}) =>
    ({ input_name: "S", output_name: "SO", data_type: "TYPE_INT32", dims: [2], ...more }) as never;
  test.each<readonly [string, object, number, Tensor]>([
    ["zeros", {}, 4, named("S", new Uint8Array(8), [1, 2])],
    ["zeros without a batch", {}, 0, named("S", new Uint8Array(8), [2])],
    ["a dimension that varies is 1", { dims: [-1, 3] }, 4, named("S", new Uint8Array(12), [1, 1, 3])],
    ["empty strings", { data_type: "TYPE_STRING" }, 4, named("S", new Uint8Array(8), [1, 2], "BYTES")],
    [
      "its own dimensions",
      { initial_state: [{ name: "i", dims: [4], data_type: "TYPE_INT32", zero_data: true }] },
      4,
      named("S", new Uint8Array(16), [1, 4]),
    ],
  ])("begins with %s", async (_, more, max, expected) => {
    expect((await made({ state: [state(more)] }, max)).initial.get("S")).toEqual(expected);
  });
  test("begins with a file beside the versions", async () => {
    const folder = mkdtempSync(join(tmpdir(), "state-"));
    mkdirSync(join(folder, "initial_state"));
    writeFileSync(join(folder, "initial_state", "x"), int32(3, 4));
    const first = { name: "i", dims: [2], data_type: "TYPE_INT32", data_file: "x" };
    const { initial } = await made({ state: [state({ initial_state: [first] })] }, 4, join(folder, "1"));
    expect(Uint8Array.from(initial.get("S")!.data)).toEqual(int32(3, 4));
    const outside = made(
      { state: [state({ initial_state: [{ ...first, data_file: "../../x" }] })] },
      4,
      join(folder, "1"),
    );
    await expect(outside).rejects.toThrow("data_file");
  });
  test("is passed from a response's output to the next request's input; a response without it keeps the last", async () => {
    const inputs = await made({ state: [state(), state({ input_name: "T", output_name: "TO" })] });
    const next = inputs.next([named("OUT", int32(9), [1]), named("SO", int32(1, 2), [1, 2])], inputs.initial);
    expect(next.get("S")).toEqual(named("S", int32(1, 2), [1, 2]));
    expect(next.get("T")).toBe(inputs.initial.get("T"));
    expect(inputs.initial.get("S")).toEqual(named("S", new Uint8Array(8), [1, 2]));
    const stateless = await made({});
    const given = new Map([["X", named("X", int32(1), [1])]]);
    expect(stateless.next([named("SO", int32(1), [1])], given)).toBe(given);
  });
  test("of the most bytes is made, and of more is refused", async () => {
    const most = MAX_MADE_BYTES / 4;
    expect((await made({ state: [state({ dims: [most] })] })).initial.size).toBe(1);
    for (const [states, total] of [
      [[state({ dims: [most / 2] }), state({ dims: [most / 2 + 1], input_name: "T" })], MAX_MADE_BYTES + 4],
      [[state({ data_type: "TYPE_STRING", dims: [most + 1] })], MAX_MADE_BYTES + 4],
      [
        [state({ initial_state: [{ name: "i", dims: [most, 2], data_type: "TYPE_INT32", zero_data: true }] })],
        2 * MAX_MADE_BYTES,
      ],
    ] as const)
      await expect(made({ state: [...states] })).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        message: `model 'm': \`sequence_batching.state\` has ${total} bytes by its \`dims\`; the maximum is ${MAX_MADE_BYTES}`,
      });
  });
  test.each<readonly [string, readonly number[], readonly number[], boolean]>([
    ["the same shape share a batch", [1, 2], [1, 2], true],
    ["another size do not", [1, 2], [1, 3], false],
    ["another rank do not", [1, 2], [1, 2, 1], false],
    ["another size at the front do not", [2, 2], [1, 2], false],
  ])("of %s", async (_, one, other, expected) => {
    const inputs = await made({ state: [state()] });
    const of = (shape: readonly number[]) => new Map([["S", named("S", int32(), shape)]]);
    expect(inputs.mayJoin(of(one), of(other))).toBe(expected);
    expect(inputs.mayJoin(NONE, NONE)).toBe(true);
    expect(inputs.mayJoin(of(one), NONE)).toBe(false);
    expect(inputs.mayJoin(of([]), NONE)).toBe(false);
  });
});

test("a placeholder has the shapes of another request, zeros, and unset controls", async () => {
  const inputs = await made({
    control_input: [
      { name: "READY", control: [{ kind: "CONTROL_SEQUENCE_READY", int32_false_true: [0, 1] } as never] },
      { name: "START", control: [{ kind: "CONTROL_SEQUENCE_START", int32_false_true: [0, 1] } as never] },
      { name: "END", control: [{ kind: "CONTROL_SEQUENCE_END", int32_false_true: [0, 1] } as never] },
      { name: "ID", control: [{ kind: "CONTROL_SEQUENCE_CORRID", data_type: "TYPE_UINT32" } as never] },
    ],
    state: [{ input_name: "S", output_name: "SO", data_type: "TYPE_INT32", dims: [1] } as never],
  });
  const { signal } = new AbortController();
  const like = requestOf("9", { width: 3, controls: { correlationId: 7n, start: true, end: true }, signal });
  const text = named("TEXT", bytes(1, 0, 0, 0, 65, 0, 0, 0, 0), [1, 2], "BYTES");
  const flag = named("FLAG", bytes(1), [1, 1], "BOOL");
  const given = { ...like, inputs: new Map([...like.inputs, ["TEXT", text], ["FLAG", flag]]) };
  const empty = inputs.empty(given, new Map([["S", named("S", int32(5), [1, 1])]]));
  expect(empty).toMatchObject({ id: "", controls: { correlationId: 0n, start: false, end: false } });
  expect(empty.signal).toBeUndefined();
  const data = Object.fromEntries([...empty.inputs].map(([name, tensor]) => [name, [...tensor.data]]));
  const zero = [0, 0, 0, 0];
  expect(data).toEqual({
    IN: [...zero, ...zero, ...zero],
    TEXT: [...zero, ...zero],
    FLAG: [0],
    READY: zero,
    START: zero,
    END: zero,
    ID: zero,
    S: zero,
  });
  expect(empty.inputs.get("IN")!.shape).toEqual([1, 3]);
  expect([...like.inputs.get("IN")!.data].some(byte => byte === 9)).toBe(true);
});
