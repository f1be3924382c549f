/**
 * Triton's suite L0_batch_input on ONNX models: requests of different lengths make one batch, and every client sees what the server put together. Graphs,
 * configurations and expected values are the suite's (`tests/oracles/triton/ragged_models.py`).
 */
import { readFileSync } from "node:fs";
import * as grpc from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decode, encode } from "#triton-protos/proto-root.js";
import { repository, startServer } from "../support.js";

type Server = Awaited<ReturnType<typeof startServer>>;

const graph = (name: string): Buffer => readFileSync(new URL(`../../../fixtures/ragged/${name}.onnx`, import.meta.url));
const tensor = (name: string, dims = "-1", more = ""): string =>
  `{ name: "${name}" data_type: TYPE_FP32 dims: [ ${dims} ] ${more} }`;
const extra = (kind: string, target: string): string =>
  `{ kind: ${kind} target_name: "${target}" data_type: TYPE_FP32 source_input: "RAGGED_INPUT" }`;
const QUEUE = "dynamic_batching { max_queue_delay_microseconds: 1000000 }";
const RAGGED = "allow_ragged_batch: true";
const batchInput = (sizes: string, batch: string, dims = "-1"): string => `
  backend: "onnxruntime" max_batch_size: 4 ${QUEUE}
  input [ ${tensor("RAGGED_INPUT", dims, RAGGED)} ]
  output [ ${["RAGGED_OUTPUT", "BATCH_AND_SIZE_OUTPUT", "BATCH_OUTPUT"].map(name => tensor(name)).join(", ")} ]
  batch_input [ ${extra(sizes, "BATCH_AND_SIZE_INPUT")}, ${extra(batch, "BATCH_INPUT")} ]`;
const files = {
  "counts/config.pbtxt": batchInput("BATCH_ELEMENT_COUNT", "BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO"),
  "counts/1/model.onnx": graph("batch_input"),
  "sums/config.pbtxt": batchInput("BATCH_ACCUMULATED_ELEMENT_COUNT", "BATCH_MAX_ELEMENT_COUNT_AS_SHAPE"),
  "sums/1/model.onnx": graph("batch_input"),
  "flatten/config.pbtxt": batchInput("BATCH_ACCUMULATED_ELEMENT_COUNT", "BATCH_ITEM_SHAPE_FLATTEN", "-1, -1"),
  "flatten/1/model.onnx": graph("batch_input"),
  "item/config.pbtxt": `backend: "onnxruntime" max_batch_size: 4 ${QUEUE} input [ ${tensor("RAGGED_INPUT", "-1, -1", RAGGED)} ]
    output [ ${tensor("BATCH_OUTPUT", "2")} ] batch_input [ ${extra("BATCH_ITEM_SHAPE", "BATCH_INPUT")} ]`,
  "item/1/model.onnx": graph("batch_item"),
  "io/config.pbtxt": `backend: "onnxruntime" max_batch_size: 4 ${QUEUE} input [ ${tensor("INPUT0", "-1", RAGGED)} ] output [ ${tensor("OUTPUT0")} ]
    batch_output [ { target_name: "OUTPUT0" kind: BATCH_SCATTER_WITH_INPUT_SHAPE source_input: "INPUT0" } ]`,
  "io/1/model.onnx": graph("identity"),
  // An output without rows of its own: only a batch of one row can be answered.
  "flat/config.pbtxt": `backend: "onnxruntime" max_batch_size: 1 input [ ${tensor("INPUT0", "-1", RAGGED)} ] output [ ${tensor("OUTPUT0")} ]
    batch_output [ { target_name: "OUTPUT0" kind: BATCH_SCATTER_WITH_INPUT_SHAPE source_input: "INPUT0" } ]`,
  "flat/1/model.onnx": graph("identity"),
  "square/config.pbtxt": `backend: "onnxruntime" max_batch_size: 4 input [ ${tensor("BATCH_INPUT", "2", RAGGED)} ] input [ ${tensor("RAGGED_INPUT", "-1", RAGGED)} ]
    output [ ${tensor("BATCH_OUTPUT", "-1")} ]`,
  "square/1/model.onnx": graph("batch_item"),
};

const raw = (bytes: Buffer): Buffer => bytes;
let server: Server;
let client: grpc.Client;
beforeAll(async () => {
  server = await startServer(repository([], files), { exitOnError: false });
  client = new grpc.Client(`127.0.0.1:${server.ports.grpc}`, grpc.credentials.createInsecure());
});
afterAll(async () => {
  client.close();
  await server.stop();
});

/** One request for each shape, in order on one stream: shape and elements of the output in each answer. */
function ask(model: string, input: string, output: string, shapes: readonly (readonly number[])[]): Promise<unknown[]> {
  const call = client.makeBidiStreamRequest("/inference.GRPCInferenceService/ModelStreamInfer", raw, raw);
  return new Promise((resolve, reject) => {
    const answers: unknown[] = [];
    call.on("data", (bytes: Buffer) => {
      const { error_message, infer_response } = decode("inference.ModelStreamInferResponse", bytes);
      if (error_message) return reject(new Error(error_message));
      const data = Uint8Array.from(infer_response!.raw_output_contents[0]!);
      answers.push([infer_response!.outputs[0]!.shape.map(Number), [...new Float32Array(data.buffer)]]);
    });
    call.on("end", () => resolve(answers));
    call.on("error", reject);
    for (const shape of shapes) {
      const values = Array.from({ length: shape.reduce((product, dim) => product * dim) }, () => shape.at(-1)!);
      const request = {
        model_name: model,
        inputs: [{ name: input, shape: [...shape], datatype: "FP32", contents: { fp32_contents: values } }],
        outputs: [{ name: output }],
      };
      call.write(Buffer.from(encode("inference.ModelInferRequest", request)));
    }
    call.end();
  });
}
const FOUR = [2, 4, 1, 3].map(length => [1, length]);
const four = (...values: readonly number[]) => FOUR.map(() => [[1, values.length], values]);

test("ragged inputs are in one row", async () => {
  expect(await ask("sums", "RAGGED_INPUT", "RAGGED_OUTPUT", FOUR)).toEqual(four(2, 2, 4, 4, 4, 4, 1, 3, 3, 3));
});

test("the model gets the counts of elements, their sums, and the greatest as a shape", async () => {
  const counts = (output: string) => ask("counts", "RAGGED_INPUT", output, FOUR);
  const sums = (output: string) => ask("sums", "RAGGED_INPUT", output, FOUR);
  expect(await counts("BATCH_AND_SIZE_OUTPUT")).toEqual(four(2, 4, 1, 3));
  expect(await counts("BATCH_OUTPUT")).toEqual(four(0, 2, 6, 7, 10));
  expect(await sums("BATCH_AND_SIZE_OUTPUT")).toEqual(four(2, 6, 7, 10));
  expect((await sums("BATCH_OUTPUT")).map(answer => (answer as [number[]])[0])).toEqual(FOUR.map(() => [1, 4]));
});

test("the model gets the shapes of the items, one row each or all in one", async () => {
  const flattened = [
    [1, 4, 1],
    [1, 1, 2],
    [1, 1, 2],
    [1, 2, 2],
  ];
  expect(await ask("flatten", "RAGGED_INPUT", "BATCH_OUTPUT", flattened)).toEqual(four(4, 1, 1, 2, 1, 2, 2, 2));
  expect(
    await ask("item", "RAGGED_INPUT", "BATCH_OUTPUT", [
      [2, 1, 2],
      [1, 1, 2],
      [1, 2, 2],
    ]),
  ).toEqual([
    [
      [2, 2],
      [1, 2, 1, 2],
    ],
    [
      [1, 2],
      [1, 2],
    ],
    [
      [1, 2],
      [2, 2],
    ],
  ]);
});

test("an output is scattered by the shape of an input", async () => {
  expect(await ask("io", "INPUT0", "OUTPUT0", FOUR)).toEqual(
    FOUR.map(([, length]) => [[1, length], Array(length).fill(length)]),
  );
});

test("a request alone is ragged, too", async () => {
  expect(await ask("flat", "INPUT0", "OUTPUT0", [[1, 3]])).toEqual([
    [
      [1, 3],
      [3, 3, 3],
    ],
  ]);
});

test("a graph that requires more than one dimension for a ragged input does not load", () => {
  expect(server.log.join("")).toContain(
    "unable to load model 'square', configuration expects model provides input with shape [-1]  for ragged input 'BATCH_INPUT', model provides [-1,2]",
  );
});
