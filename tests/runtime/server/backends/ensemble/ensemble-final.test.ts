/**
 * Which response of a decoupled ensemble is marked final. Triton's ensemble scheduler marks the response that is sent when no step is in
 * flight any more (`EnsembleContext::FinishEnsemble`). Clients that don't request an empty final response wait for that mark.
 */
import * as grpc from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decode, encode } from "#triton-protos/proto-root.js";
import { repository, startServer } from "../../support.js";

const tensors = (input: string, output: string): string => `
input [ { name: "${input}" data_type: TYPE_INT32 dims: [1] } ] output [ { name: "${output}" data_type: TYPE_INT32 dims: [1] } ]`;
const step = (model: string, [input, from]: readonly string[], [output, to]: readonly string[]): string =>
  `{ model_name: "${model}" model_version: -1 input_map { key: "${input}" value: "${from}" } output_map { key: "${output}" value: "${to}" } }`;
const ensemble = (...steps: readonly string[]): string =>
  `platform: "ensemble" ${tensors("A", "B")} ensemble_scheduling { step [ ${steps.join(", ")} ] }`;
const files = {
  // Sends as many responses as X says, and ends.
  "produce/config.pbtxt": `backend: "javascript" ${tensors("X", "Y")} model_transaction_policy { decoupled: true }`,
  "produce/1/model.mjs": `export function execute(requests) {
      for (const request of requests)
        for (let i = 0; i < request.inputs.X.data[0]; i++) request.send({ outputs: [{ ...request.inputs.X, name: "Y", data: [i] }] });
    }`,
  "linger/config.pbtxt": `backend: "javascript" ${tensors("X", "Y")} model_transaction_policy { decoupled: true }`,
  "linger/1/model.mjs": `export async function execute([request]) {
      request.send({ outputs: [{ ...request.inputs.X, name: "Y" }] });
      await new Promise(next => setTimeout(next, 500));
    }`,
  "consume/config.pbtxt": `backend: "javascript" ${tensors("X", "Y")}`,
  "consume/1/model.mjs": `export async function execute(requests) {
      await new Promise(next => setTimeout(next, 100));
      return requests.map(({ inputs: { X } }) => ({ outputs: [{ ...X, name: "Y" }] }));
    }`,
  "chain/config.pbtxt": ensemble(step("produce", ["X", "A"], ["Y", "t"]), step("consume", ["X", "t"], ["Y", "B"])),
  "chain/1/.keep": "",
  "outer/config.pbtxt": ensemble(step("chain", ["A", "A"], ["B", "B"])),
  "outer/1/.keep": "",
  "late/config.pbtxt": ensemble(step("linger", ["X", "A"], ["Y", "t"]), step("consume", ["X", "t"], ["Y", "B"])),
  "late/1/.keep": "",
};

let server: Awaited<ReturnType<typeof startServer>>;
let client: grpc.Client;
beforeAll(async () => {
  server = await startServer(repository([], files));
  client = new grpc.Client(`127.0.0.1:${server.ports.grpc}`, grpc.credentials.createInsecure());
});
afterAll(async () => {
  client.close();
  await server.stop();
});

const raw = (bytes: Buffer): Buffer => bytes;
/** Number of outputs and final mark of each response. */
const marks = (model: string, value: number, emptyFinal = false): Promise<(readonly [number, boolean | undefined])[]> =>
  new Promise((resolve, reject) => {
    const found: (readonly [number, boolean | undefined])[] = [];
    const call = client.makeBidiStreamRequest("/inference.GRPCInferenceService/ModelStreamInfer", raw, raw);
    call.on("data", (bytes: Buffer) => {
      const { error_message, infer_response } = decode("inference.ModelStreamInferResponse", bytes);
      if (error_message) reject(new Error(error_message));
      const { outputs = [], parameters } = infer_response ?? {};
      found.push([outputs.length, parameters?.triton_final_response?.bool_param]);
    });
    call.on("end", () => resolve(found));
    call.on("error", reject);
    const request = {
      model_name: model,
      inputs: [{ name: "A", datatype: "INT32", shape: [1], contents: { int_contents: [value] } }],
      ...(emptyFinal && { parameters: { triton_enable_empty_final_response: { bool_param: true } } }),
    };
    call.write(Buffer.from(encode("inference.ModelInferRequest", request)));
    call.end();
  });
const THREE = [
  [1, false],
  [1, false],
  [1, true],
];

test("the last response is final when the decoupled step has ended before it", async () => {
  expect(await marks("chain", 3)).toEqual(THREE);
  expect(await marks("chain", 1)).toEqual([[1, true]]);
});

test("no empty response follows a final one", async () => {
  expect(await marks("chain", 3, true)).toEqual(THREE);
});

test("an ensemble's final response is final for the ensemble around it", async () => {
  expect(await marks("outer", 3)).toEqual(THREE);
  expect(await marks("outer", 3, true)).toEqual(THREE);
});

test("a step that ends after the last response leaves the mark to an empty one", async () => {
  expect(await marks("late", 7)).toEqual([[1, false]]);
  expect(await marks("late", 7, true)).toEqual([
    [1, false],
    [0, true],
  ]);
  expect(await marks("chain", 0, true)).toEqual([[0, true]]);
});
