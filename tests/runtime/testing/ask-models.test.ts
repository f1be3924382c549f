// Requests in process that do not fit the model name its input, as a request over the wire does.
import { expect, test } from "vitest";
import { createTestServer } from "#runtime/testing/create-test-server.js";
import { defineModel } from "#runtime/testing/define-model.js";

const add = defineModel({
  inputs: { a: "INT64[2]", b: "FP32[1]" },
  outputs: { sum: "FP32[1]" },
  answer: ({ inputs }) => ({ sum: [Number(inputs.a.data[0]) + inputs.b.data[0]!] }),
});

test.each([
  [{ a: [1.5, 2], b: [1] }, "input 'a' (INT64) can't hold what it was given: "],
  [{ a: [1, 2, 3], b: [1] }, "input 'a'"],
  [{ a: [1, 2], b: ["one"] }, "input 'b' (FP32) can't hold \"one\""],
  [{ a: [1, 2], c: [1] }, "unexpected inference input 'c' for model 'add', which has 'a', 'b'"],
])("%j", async (inputs, message) => {
  await using server = await createTestServer({ models: { add } });
  const failing = server.infer("add", inputs as never);
  await expect(failing).rejects.toThrow(message);
  await expect(failing).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  expect((await server.infer("add", { a: [1, 2], b: [3] })).sum!.data).toEqual(Float32Array.of(4));
});
