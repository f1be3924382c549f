/**
 * A client's cancellation reaches the running step, in an ensemble and in a model alone, and no later step begins. Requests of a decoupled
 * step are bounded by `max_inflight_requests`.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decode, encode } from "#triton-protos/proto-root.js";
import { until } from "../../../run/wait.js";
import { repository, startServer } from "../support.js";

const tensors = (input: string, output: string): string => `
input [ { name: "${input}" data_type: TYPE_INT32 dims: [1] } ] output [ { name: "${output}" data_type: TYPE_INT32 dims: [1] } ]`;
const javascript = (name: string, more = ""): string => `name: "${name}" backend: "javascript" ${tensors("X", "Y")}
instance_group [ { count: 1 kind: KIND_CPU } ] ${more}`;
const step = (model: string, [input, from]: readonly string[], [output, to]: readonly string[]): string =>
  `{ model_name: "${model}" model_version: -1 input_map { key: "${input}" value: "${from}" } output_map { key: "${output}" value: "${to}" } }`;

/** Both models record their calls; `probe` returns the records: runs of `slow`, whether it was cancelled, runs of `next`. */
const folder = mkdtempSync(join(tmpdir(), "merlon-cancel-"));
/** There once `slow` has begun to run. */
const running = join(folder, "running");
const files = {
  "slow/config.pbtxt": javascript("slow"),
  "slow/1/model.mjs": `
    import { writeFileSync } from "node:fs";
    const seen = { runs: 0, told: 0 };
    export async function execute(requests) {
      const [{ inputs: { X } }] = requests;
      if (X.data[0] === -1) return [{ outputs: [{ ...X, name: "Y", data: [seen.runs * 10 + seen.told] }] }];
      seen.runs++;
      writeFileSync(${JSON.stringify(running)}, "");
      for (let i = 0; i < 200 && !requests[0].isCancelled(); i++) await new Promise(next => setTimeout(next, 10));
      if (requests[0].isCancelled()) seen.told++;
      return requests.map(() => ({ outputs: [{ ...X, name: "Y" }] }));
    }`,
  "next/config.pbtxt": javascript("next"),
  "next/1/model.mjs": `export const execute = requests => requests.map(({ inputs: { X } }) => ({ outputs: [{ ...X, name: "Y" }] }));`,
  "pair/config.pbtxt": `name: "pair" platform: "ensemble" ${tensors("A", "B")}
    ensemble_scheduling { step [ ${step("slow", ["X", "A"], ["Y", "t"])}, ${step("next", ["X", "t"], ["Y", "B"])} ] }`,
  "pair/1/.keep": "",
  "many/config.pbtxt": javascript("many", "model_transaction_policy { decoupled: true }"),
  "many/1/model.mjs": `
    export function execute(requests) {
      for (const request of requests)
        for (let i = 0; i < 12; i++) request.send({ outputs: [{ ...request.inputs.X, name: "Y", data: [i] }] });
    }`,
  "count/config.pbtxt": `name: "count" backend: "javascript" ${tensors("X", "Y")} instance_group [ { count: 8 kind: KIND_CPU } ]`,
  "count/1/model.mjs": `export async function execute(requests) {
      await new Promise(next => setTimeout(next, 30));
      return requests.map(({ inputs: { X } }) => ({ outputs: [{ ...X, name: "Y" }] }));
    }`,
  "fan/config.pbtxt": `name: "fan" platform: "ensemble" ${tensors("A", "B")}
    ensemble_scheduling { max_inflight_requests: 2 step [ ${step("many", ["X", "A"], ["Y", "t"])}, ${step("count", ["X", "t"], ["Y", "B"])} ] }`,
  "fan/1/.keep": "",
  "single/config.pbtxt": `name: "single" platform: "ensemble" ${tensors("A", "B")}
    ensemble_scheduling { max_inflight_requests: 1 step [ ${step("count", ["X", "A"], ["Y", "B"])} ] }`,
  "single/1/.keep": "",
  "turns/config.pbtxt": `name: "turns" platform: "ensemble" ${tensors("A", "B")}
    ensemble_scheduling { max_inflight_requests: 1 step [ ${step("slow", ["X", "A"], ["Y", "B"])} ] }`,
  "turns/1/.keep": "",
};

let server: Awaited<ReturnType<typeof startServer>>;
let client: grpc.Client;
beforeAll(async () => {
  server = await startServer(repository([], files));
  client = new grpc.Client(`127.0.0.1:${server.ports.grpc}`, grpc.credentials.createInsecure());
  await new Promise<void>((resolve, reject) => {
    client.waitForReady(Date.now() + 10_000, error => (error ? reject(error) : resolve()));
  });
});
afterAll(async () => {
  client.close();
  await server.stop();
  rmSync(folder, { recursive: true });
});

const raw = (bytes: Buffer): Buffer => bytes;
const requestBytes = (model: string, input: string, value: number): Buffer =>
  Buffer.from(
    encode("inference.ModelInferRequest", {
      model_name: model,
      inputs: [{ name: input, datatype: "INT32", shape: [1], contents: { int_contents: [value] } }],
    }),
  );
/** The gRPC code of a call that the client cancels after this time. */
const giveUp = (model: string, input: string, deadlineMs: number): Promise<number> =>
  new Promise(resolve => {
    client.makeUnaryRequest(
      "/inference.GRPCInferenceService/ModelInfer",
      raw,
      raw,
      requestBytes(model, input, 1),
      { deadline: Date.now() + deadlineMs },
      error => resolve(error?.code ?? 0),
    );
  });
const notes = async (): Promise<{ runs: number; told: number }> => {
  const { body } = await server.post("/v2/models/slow/infer", {
    inputs: [{ name: "X", shape: [1], datatype: "INT32", data: [-1] }],
  });
  const [value] = (body as { outputs: { data: number[] }[] }).outputs[0]!.data;
  return { runs: Math.floor(value! / 10), told: value! % 10 };
};
const executions = async (model: string): Promise<number> => {
  const { body } = await server.json(`/v2/models/${model}/stats`);
  return (body as { model_stats: { execution_count: number }[] }).model_stats[0]!.execution_count;
};

test("a deadline reaches the model that runs", async () => {
  const before = await notes();
  expect(await giveUp("slow", "X", 600)).toBe(grpc.status.DEADLINE_EXCEEDED);
  await expect.poll(notes).toEqual({ runs: before.runs + 1, told: before.told + 1 });
});

test("a stream's deadline is its status, and no fault precedes it", async () => {
  // The server's own clock: grpc-js would end the call by itself.
  const metadata = new grpc.Metadata();
  metadata.set("grpc-timeout", "300m");
  const path = "/inference.GRPCInferenceService/ModelStreamInfer";
  const stream = client.makeBidiStreamRequest(path, raw, raw, metadata);
  const messages: Buffer[] = [];
  stream.on("data", message => messages.push(message));
  const code = new Promise(resolve => stream.on("error", error => resolve((error as grpc.ServiceError).code)));
  stream.write(requestBytes("slow", "X", 1));
  expect(await code).toBe(grpc.status.DEADLINE_EXCEEDED);
  expect(messages).toEqual([]);
});

test("in an ensemble it reaches the step that runs, and the next one does not begin", async () => {
  const before = await notes();
  const following = await executions("next");
  expect(await giveUp("pair", "A", 600)).toBe(grpc.status.DEADLINE_EXCEEDED);
  await expect.poll(notes).toEqual({ runs: before.runs + 1, told: before.told + 1 });
  expect(await executions("next")).toBe(following);
});

test("a closed HTTP connection cancels too", async () => {
  const before = await notes();
  rmSync(running, { force: true });
  const abort = new AbortController();
  const body = JSON.stringify({ inputs: [{ name: "A", shape: [1], datatype: "INT32", data: [1] }] });
  const call = fetch(`${server.http}/v2/models/pair/infer`, { method: "POST", body, signal: abort.signal });
  await until("the model runs", () => existsSync(running));
  abort.abort();
  await expect(call).rejects.toThrow();
  await expect.poll(async () => (await notes()).told).toBe(before.told + 1);
});

/** The values of one streamed request to `fan`. */
const stream = (): Promise<number[]> =>
  new Promise((resolve, reject) => {
    const values: number[] = [];
    const call = client.makeBidiStreamRequest("/inference.GRPCInferenceService/ModelStreamInfer", raw, raw);
    call.on("data", (bytes: Buffer) => {
      const { error_message, infer_response } = decode("inference.ModelStreamInferResponse", bytes);
      if (error_message) reject(new Error(error_message));
      const [content] = infer_response?.raw_output_contents ?? [];
      if (content) values.push(Buffer.from(content).readInt32LE());
    });
    call.on("end", () => resolve(values));
    call.on("error", reject);
    call.write(requestBytes("fan", "A", 0));
    call.end();
  });

// Triton 25.11 to 26.03 gave each request a limit of its own, and none to steps that no decoupled one is before.
test("the limit is that of all requests together", async () => {
  const started = performance.now();
  const [first, second] = await Promise.all([stream(), stream()]);
  expect([first.length, second.length]).toEqual([12, 12]);
  // 24 runs, two at a time.
  expect(performance.now() - started).toBeGreaterThan(12 * 30 - 15);
});
