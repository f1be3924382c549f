/**
 * Rows 16 to 20 and 25: shapes, BYTES, binary headers, outputs, reserved parameters, and responses without other requests' bytes.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { decode } from "#triton-protos/proto-root.js";
import { repository } from "../runtime/server/support.js";
import { startTarget, type Target } from "./support.js";

let target: Target;
beforeAll(async () => {
  target = await startTarget(repository(["echo_int32", "echo_bytes", "label_fp32"]));
});
afterAll(() => target.stop());

const infer = (text: string, headers: Record<string, string> = {}, model = "echo_int32") =>
  fetch(`${target.http}/v2/models/${model}/infer`, { method: "POST", body: text, headers });
const input = (shape: string, data = "[1,2,3,4]", more = ""): string =>
  `{"inputs":[{"name":"INPUT0","shape":${shape},"datatype":"INT32","data":${data}}]${more}}`;

test("16: shapes are numbers that nothing is allocated for", async () => {
  // biome-ignore format: one list
  for (const shape of ["[-1]", "[0]", "[2147483648,1]", "[9223372036854775807,2]", "[4294967296,4294967296]", "[1.5]", '["3"]', "[1e309]", "[1e3,4]",
    "[]", "{}", "null", "[null]", "[18446744073709551616]", `[${"1,".repeat(64)}1]`, "[2147483648,4]", "[0,9223372036854775807]"]) {
    const answer = await infer(input(shape));
    expect([400, 500], `${shape}: ${await answer.text()}`).toContain(answer.status);
  }
  const int64 = (value: bigint): number => Number(value);
  for (const shape of [
    [-1],
    [0],
    [2 ** 31, 1],
    [int64(2n ** 63n - 1n), 2],
    [2 ** 32, 2 ** 32],
    [1, -4],
    Array(65).fill(1),
    [2 ** 31, 4],
  ]) {
    const { code } = await target.rpc.infer({
      model_name: "echo_int32",
      inputs: [{ name: "INPUT0", shape: shape as number[], datatype: "INT32" }],
      raw_input_contents: [new Uint8Array(16)],
    });
    expect(code, String(shape)).toBe(3);
  }
  for (const count of ["-1", "18446744073709551616", "1.5", '"3"']) {
    const text = input(
      "[1,4]",
      "[1,2,3,4]",
      `,"outputs":[{"name":"OUTPUT0","parameters":{"classification":${count}}}]`,
    );
    expect((await infer(text)).status, count).toBeGreaterThanOrEqual(400);
  }
  for (const name of ["priority", "timeout"])
    for (const value of ["36893488147419103232", "-1", "1.5"])
      expect(
        (await infer(input("[1,4]", "[1,2,3,4]", `,"parameters":{"${name}":${value}}`))).status,
        `${name} ${value}`,
      ).toBeGreaterThanOrEqual(400);
  await target.alive();
});

/** BYTES of the fixture model: two elements a row. */
const words = (data: Buffer, shape: readonly number[] = [1, 2]) =>
  target.rpc.infer({
    model_name: "echo_bytes",
    inputs: [{ name: "INPUT0", shape: [...shape], datatype: "BYTES" }],
    raw_input_contents: [data],
  });
const word = (text: string, length = text.length): Buffer => {
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32LE(length);
  return Buffer.concat([prefix, Buffer.from(text)]);
};

test("17: elements of BYTES are counted before they are believed", async () => {
  expect((await words(Buffer.concat([word("a"), word("b")]))).code).toBe(0);
  for (const data of [
    Buffer.concat([word("a"), word("b"), word("c")]),
    word("a"),
    Buffer.concat([word("a"), Buffer.from([1, 0])]),
    Buffer.from("ffffffff", "hex"),
    Buffer.alloc(4 * 1_000_000),
  ]) {
    const { code, message } = await words(data);
    expect([3, 13], message).toContain(code);
    const json = JSON.stringify({
      inputs: [{ name: "INPUT0", shape: [1, 2], datatype: "BYTES", parameters: { binary_data_size: data.length } }],
    });
    const answer = await fetch(`${target.http}/v2/models/echo_bytes/infer`, {
      method: "POST",
      headers: { "inference-header-content-length": String(json.length) },
      body: new Uint8Array(Buffer.concat([Buffer.from(json), data])),
    });
    expect(answer.status).toBeGreaterThanOrEqual(400);
  }
  await target.alive();
});

test("18: the length of the JSON part and the sizes of the blobs add up, or the request is refused", async () => {
  const text = input("[1,4]");
  for (const length of [
    "-1",
    "99999999999",
    "1e3",
    "0x10",
    "12abc",
    "",
    " ",
    "NaN",
    String(text.length + 1),
    `${text.length}, 3`,
    "9".repeat(400),
  ]) {
    const answer = await infer(text, { "inference-header-content-length": length });
    // `1e3` and `12abc` are the numbers at their front, as C++ reads them; a JSON that is cut off is refused too.
    if (length !== `${text.length}, 3`) expect(answer.status, length).toBeGreaterThanOrEqual(400);
  }
  for (const size of ["-1", "2147483648", "15", "17", "1.5", '"16"', "18446744073709551616"]) {
    const json = `{"inputs":[{"name":"INPUT0","shape":[1,4],"datatype":"INT32","parameters":{"binary_data_size":${size}}}]}`;
    const body = Buffer.concat([Buffer.from(json), Buffer.alloc(16)]);
    const answer = await fetch(`${target.http}/v2/models/echo_int32/infer`, {
      method: "POST",
      headers: { "inference-header-content-length": String(json.length) },
      body: new Uint8Array(body),
    });
    expect(answer.status, size).toBeGreaterThanOrEqual(400);
  }
  await target.alive();
});

test("19: outputs are named once, and there are not a hundred thousand of them", async () => {
  const outputs = (names: readonly string[]): string => `,"outputs":${JSON.stringify(names.map(name => ({ name })))}`;
  const many = Array.from({ length: 100_000 }, (_, i) => `O${i}`);
  for (const names of [["OUTPUT0", "OUTPUT0"], ["nosuch"], many]) {
    expect((await infer(input("[1,4]", "[1,2,3,4]", outputs(names)))).status).toBe(400);
    const { code } = await target.rpc.infer({
      model_name: "echo_int32",
      inputs: [{ name: "INPUT0", shape: [1, 4], datatype: "INT32" }],
      outputs: names.map(name => ({ name })),
      raw_input_contents: [new Uint8Array(16)],
    });
    expect(code).toBe(3);
  }
  await target.alive();
}, 60_000);

test("20: parameters that belong to the server are refused by name", async () => {
  for (const name of ["triton_x", "triton_enable_empty_final_response", "triton_"]) {
    const answer = await infer(input("[1,4]", "[1,2,3,4]", `,"parameters":{"${name}":1}`));
    expect(answer.status, name).toBe(400);
  }
  const { code } = await target.rpc.infer({ model_name: "echo_int32", parameters: { triton_x: { int64_param: 1 } } });
  expect(code).toBe(3);
  for (const [name, value] of [
    ["sequence_id", "true"],
    ["sequence_start", "1"],
    ["priority", '"high"'],
    ["timeout", "true"],
    ["binary_data_output", "1"],
  ])
    expect(
      (await infer(input("[1,4]", "[1,2,3,4]", `,"parameters":{"${name}":${value}}`))).status,
      name,
    ).toBeGreaterThanOrEqual(400);
  await target.alive();
});

test("25: an answer holds the bytes of its own request and no others", async () => {
  const loop = async (seed: number): Promise<void> => {
    for (let i = 0; i < 40; i++) {
      const values = Int32Array.of(seed, i, seed ^ i, -seed);
      const answer = await target.rpc.infer({
        model_name: "echo_int32",
        inputs: [{ name: "INPUT0", shape: [1, 4], datatype: "INT32" }],
        raw_input_contents: [new Uint8Array(values.buffer)],
      });
      const { raw_output_contents } = decode("inference.ModelInferResponse", answer.bytes!);
      expect(new Int32Array(Uint8Array.from(raw_output_contents[0]!).buffer)).toEqual(values);
      const http = await target.post("/v2/models/echo_int32/infer", {
        inputs: [{ name: "INPUT0", shape: [1, 4], datatype: "INT32", data: [...values] }],
      });
      expect(http.body).toMatchObject({ outputs: [{ data: [...values] }] });
      // Too little data: refused, never padded with old memory.
      const short = await target.rpc.infer({
        model_name: "echo_int32",
        inputs: [{ name: "INPUT0", shape: [1, 4], datatype: "INT32" }],
        raw_input_contents: [new Uint8Array(12)],
      });
      expect(short.code).toBe(3);
    }
  };
  await Promise.all([11, 222, 3333, 44444].map(loop));
});
