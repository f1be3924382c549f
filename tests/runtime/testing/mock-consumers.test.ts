/** Mocks in an ensemble: free dimensions are what the next model takes, and the server lists what is mocked. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestServer, type TestServer } from "#runtime/testing/index.js";
import { repository } from "../server/support.js";

const io = (side: "input" | "output", name: string, dims: string) =>
  `${side} [ { name: "${name}" data_type: TYPE_FP32 dims: [${dims}] } ]`;
const member = (backend: string, batch: number, takes: [string, string], makes: [string, string]) =>
  `backend: "${backend}" max_batch_size: ${batch} ${io("input", ...takes)} ${io("output", ...makes)}`;
const step = (model: string, input: [string, string], output: [string, string]) =>
  `{ model_name: "${model}" model_version: -1 input_map { key: "${input[0]}" value: "${input[1]}" } output_map { key: "${output[0]}" value: "${output[1]}" } }`;
const pipe = (batch: number, dims: string, ...steps: string[]) =>
  `platform: "ensemble" max_batch_size: ${batch} ${io("input", "X", "-1")} ${io("output", "S", dims)} ensemble_scheduling { step [ ${steps.join(", ")} ] }`;

const FILES = {
  "encoder/config.pbtxt": member("tensorrt", 8, ["X", "-1"], ["E", "-1"]),
  "head/config.pbtxt": member("pytorch", 8, ["E", "16"], ["S", "-1"]),
  "pipe/config.pbtxt": pipe(8, "4", step("encoder", ["X", "X"], ["E", "e"]), step("head", ["E", "e"], ["S", "S"])),
  // Without batching, the first dimension is one of the model's own.
  "flat_encoder/config.pbtxt": member("tensorrt", 0, ["X", "-1"], ["E", "-1, -1"]),
  "flat_head/config.pbtxt": member("pytorch", 8, ["E", "5"], ["S", "2"]),
  "flat/config.pbtxt": pipe(
    0,
    "-1, 2",
    step("flat_encoder", ["X", "X"], ["E", "e"]),
    step("flat_head", ["E", "e"], ["S", "S"]),
  ),
};
let server: TestServer;
beforeAll(async () => {
  server = await createTestServer(repository([], FILES), { mockMissing: true });
});
afterAll(() => server.close());

test("a free dimension is what the next model of the ensemble takes, or what the ensemble says", async () => {
  const { S } = await server.infer("pipe", { X: [[1, 2, 3]] });
  expect(S!.shape).toEqual([1, 4]);
  const sizes = server.model("head").requests as unknown as { inputs: { E: { shape: number[] } } }[];
  expect(sizes.map(({ inputs }) => inputs.E.shape)).toEqual([[1, 16]]);
});

test("the server lists what is mocked, in a property and in one line of its log", () => {
  const reason = (backend: string) => `backend '${backend}' is not part of this server`;
  const names = ["encoder", "flat_encoder", "flat_head", "head"];
  expect(server.mocked.toSorted((a, b) => (a.model < b.model ? -1 : 1))).toEqual(
    names.map(model => ({ model, reason: reason(model.endsWith("encoder") ? "tensorrt" : "pytorch") })),
  );
  const lines = server.log.join("").split("\n");
  const [line, ...more] = lines.filter(text => text.includes("mocks stand in for"));
  expect(more).toEqual([]);
  for (const name of names) expect(line).toContain(name);
});
