/**
 * Injected faults: each looks to clients as Triton's own would, over HTTP, gRPC and in streams; from code, the command line and the admin
 * call.
 */
import type * as grpc from "@grpc/grpc-js";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { grpcClient, sendGrpc } from "#conformance/send-grpc.js";
import { createManualClock, createTestServer, defineModel, type TestServer } from "#runtime/testing/index.js";
import { repository, startServer } from "../server/support.js";

const echo = defineModel({
  inputs: { x: "INT32[-1]" },
  outputs: { y: "INT32[-1]" },
  answer: ({ inputs }) => ({ y: inputs.x.data }),
});
const counts = defineModel({
  inputs: { n: "INT32[1]" },
  outputs: { i: "INT32[1]" },
  decoupled: true,
  *answer({ inputs }) {
    for (let i = 0; i < inputs.n.data[0]!; i++) yield { i: [i] };
  },
});
const onnx = defineModel({
  inputs: { x: "INT32[1]" },
  outputs: { y: "INT32[1]" },
  config: { backend: "onnxruntime", platform: "onnxruntime_onnx" },
  answer: () => ({ y: 1 }),
});

let server: TestServer<{ echo: typeof echo; counts: typeof counts; onnx: typeof onnx }>;
let client: grpc.Client;
beforeAll(async () => {
  server = await createTestServer(
    { models: { echo, counts, onnx } },
    { serve: { modelControlMode: "explicit", loadModels: ["*"], strictReadiness: true } },
  );
  client = grpcClient(server.grpc);
});
afterEach(() => {
  server.reset();
});
afterAll(async () => {
  client.close();
  await server.close();
});

const http = async (path: string, body?: unknown) => {
  const response = await fetch(
    server.http + path,
    body === undefined ? {} : { method: "POST", body: JSON.stringify(body) },
  );
  return { status: response.status, body: await response.text() };
};
const infer = (model = "echo", n = 3) =>
  http(`/v2/models/${model}/infer`, {
    id: "7",
    inputs: [{ name: "x", shape: [n], datatype: "INT32", data: Array.from({ length: n }, (_, i) => i) }],
  });
const bytes = (...values: number[]): string => Buffer.from(Int32Array.from(values).buffer).toString("base64");
const wire = (model: string, name: string, values: readonly number[]) => ({
  model_name: model,
  id: "7",
  inputs: [{ name, datatype: "INT32", shape: [String(values.length)] }],
  raw_input_contents: [bytes(...values)],
});
const call = (model = "echo") => sendGrpc(client, { rpc: "ModelInfer", request: wire(model, "x", [1]) } as never);
const stream = (model: string, name: string, n: number, rest: object = {}) =>
  sendGrpc(client, {
    rpc: "ModelStreamInfer",
    requests: [wire(model, name, [n])],
    ...rest,
  } as never) as unknown as Promise<{
    code: string;
    messages: { error_message?: string }[];
  }>;

describe("errors", () => {
  test("have the code and the text that the backend has", async () => {
    server.model("onnx").fail({ error: {} });
    expect(await infer("onnx", 1)).toEqual({
      status: 500,
      body: `{"error":"onnx runtime error 6: Non-zero status code returned while running MatMul node. Name:'' Status Message: failed on purpose"}`,
    });
    server.model("echo").fail({ error: { code: "UNAVAILABLE" } });
    expect(await infer()).toEqual({ status: 503, body: '{"error":"Request timeout expired"}' });
    expect(await call()).toMatchObject({ code: "UNAVAILABLE", message: "Request timeout expired" });
    server.reset();
    server.model("echo").fail({ error: { code: "NOT_FOUND", message: "gone" } });
    expect(await call()).toMatchObject({ code: "NOT_FOUND", message: "gone" });
  });

  test.each([
    ["RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED", 503, "failed on purpose"],
    ["DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", 504, "Deadline Exceeded"],
  ] as const)(
    "%s has its code on gRPC and its status on HTTP, from code and as a word",
    async (code, onGrpc, status, text) => {
      server.model("echo").fail({ error: { code } });
      expect(await call()).toMatchObject({ code: onGrpc, message: text });
      expect(await infer()).toEqual({ status, body: JSON.stringify({ error: text }) });
      server.reset();
      server.faults.add(`echo:error=${code},message=not now`);
      expect(await call()).toMatchObject({ code: onGrpc, message: "not now" });
      expect(await infer()).toEqual({ status, body: '{"error":"not now"}' });
    },
  );

  test("hit a share of the requests, the same ones for the same seed, or the first N; failures count", async () => {
    const pattern = async (): Promise<string> => {
      server.model("echo").fail({ error: {}, rate: 0.5 });
      const statuses: number[] = [];
      for (let i = 0; i < 20; i++) statuses.push((await infer()).status);
      return statuses.join();
    };
    await using other = await createTestServer({ models: { echo } }, { faults: ["echo:error,times=2"] });
    const [a] = [await pattern()];
    expect(a.match(/500/g)!.length).toBeGreaterThan(4);
    expect(a.match(/200/g)!.length).toBeGreaterThan(4);
    const results: string[] = [];
    for (let i = 0; i < 3; i++)
      results.push(
        await other.infer("echo", { x: [1] }).then(
          () => "good",
          error => error.message,
        ),
      );
    expect(results).toEqual(["failed on purpose", "failed on purpose", "good"]);
    const { model_stats } = JSON.parse((await http("/v2/models/echo/stats")).body);
    expect(Number(model_stats[0].inference_stats.fail.count)).toBeGreaterThan(4);
  });
});

test("a full queue refuses with Triton's text, and counts nothing", async () => {
  const failures = async () =>
    JSON.parse((await http("/v2/models/echo/stats")).body).model_stats[0].inference_stats.fail.count;
  const before = await failures();
  server.model("echo").fail({ full: true });
  expect(await infer()).toEqual({ status: 503, body: '{"error":"[request id: 7] Exceeds maximum queue size"}' });
  expect(await call()).toMatchObject({ code: "UNAVAILABLE", message: "[request id: 7] Exceeds maximum queue size" });
  expect(await failures()).toBe(before);
});

test("a model that is not ready is loading: its calls, the index and the server's readiness say so", async () => {
  server.model("echo").fail({ notReady: true });
  expect((await http("/v2/health/ready")).status).toBe(400);
  expect(await infer()).toMatchObject({
    status: 404,
    body: `{"error":"Request for unknown model: 'echo' has no available versions"}`,
  });
  expect(await http("/v2/models/echo/versions/1/ready")).toMatchObject({
    status: 400,
    body: `{"error":"Model version not ready"}`,
  });
  expect(JSON.parse((await http("/v2/repository/index", {})).body)).toContainEqual({
    name: "echo",
    version: "1",
    state: "LOADING",
  });
  expect(
    JSON.parse((await http("/v2/repository/index", { ready: true })).body).map(({ name }: { name: string }) => name),
  ).not.toContain("echo");
  server.faults.clear();
  expect((await http("/v2/health/ready")).status).toBe(200);
});

test("loading fails once, with the text of a model file that is not there, and works the next time", async () => {
  server.model("onnx").fail({ failLoad: true, times: 1 });
  await http("/v2/repository/models/onnx/unload", {});
  const failed = await http("/v2/repository/models/onnx/load", {});
  expect(failed.status).toBe(400);
  expect(failed.body).toMatch(
    /load failed for model 'onnx': version 1 is at UNAVAILABLE state: Internal: failed to stat file .*onnx\/1\/model\.onnx;/,
  );
  expect((await http("/v2/repository/models/onnx/load", {})).status).toBe(200);
});

test("latency follows its distribution, on a clock that the test moves", async () => {
  const clock = createManualClock();
  await using slow = await createTestServer({ models: { echo } }, { clock, faults: ["echo:delay=1000..2000"] });
  const took = async (): Promise<number> => {
    let ended: number | undefined;
    const began = clock.now();
    const answer = slow.infer("echo", { x: [1] }).then(() => {
      ended = clock.now();
    });
    while (ended === undefined) await clock.advance(50);
    await answer;
    return ended - began;
  };
  const times: number[] = [];
  for (let i = 0; i < 8; i++) times.push(await took());
  expect(Math.min(...times)).toBeGreaterThanOrEqual(1000);
  expect(Math.max(...times)).toBeLessThanOrEqual(2050);
  expect(new Set(times).size).toBeGreaterThan(3);
});

describe("connections", () => {
  test("end instead of an answer", async () => {
    server.model("echo").fail({ drop: {} });
    await expect(infer()).rejects.toThrow("fetch failed");
    expect((await call()).code).toBe("UNAVAILABLE");
  });

  test("end in the middle of an answer", async () => {
    server.model("echo").fail({ truncate: 0.5 });
    const response = await fetch(`${server.http}/v2/models/echo/infer`, {
      method: "POST",
      body: JSON.stringify({ inputs: [{ name: "x", shape: [2], datatype: "INT32", data: [1, 2] }] }),
    });
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow("terminated");
    expect(["INTERNAL", "UNAVAILABLE", "CANCELLED"]).toContain((await call()).code);
  });

  test("a stream is cut after N responses", async () => {
    server.model("counts").fail({ drop: { after: 2 } });
    const { code, messages } = await stream("counts", "n", 5);
    expect({ code, answers: messages.length }).toEqual({ code: "UNAVAILABLE", answers: 2 });
  });

  test("a stream falls silent until its client gives up, and the model answers others after that", async () => {
    const fault = server.model("counts").fail({ stall: { after: 1 }, times: 1 });
    const { code, messages } = await stream("counts", "n", 5, { deadline_ms: 300 });
    expect({ code, answers: messages.length }).toEqual({ code: "DEADLINE_EXCEEDED", answers: 1 });
    server.faults.remove(fault);
    expect((await stream("counts", "n", 2)).messages).toHaveLength(2);
  });
});

test("a fault that is written wrong says how it is written", async () => {
  for (const [text, reason] of [
    ["echo", "write MODEL:KIND"],
    ["echo:explode", "there is no fault `explode`"],
    ["echo:delay=soon", "delay=soon is not a time"],
    ["echo:error=BAD", "error.code"],
    ["echo:rate=0.5", "does nothing"],
    ["echo:drop,rate=2", "rate: "],
    ["m/stage:drop", "a stage can be late or fail, and `drop` is of the model"],
  ] as const)
    expect(() => server.faults.add(text), text).toThrow(reason);
  server.faults.add("echo:error=INVALID_ARGUMENT,rate=0.25,message=a, b");
  expect(server.faults.list().at(-1)!.fault).toEqual({
    model: "echo",
    error: { code: "INVALID_ARGUMENT", message: "a, b" },
    rate: 0.25,
  });
});

test("the admin call exists only if enabled, and adds and removes", async () => {
  const folder = repository(["echo_int32"]);
  const closed = await startServer(folder);
  expect(closed.ports.faultAdmin).toBeUndefined();
  await closed.stop();
  const open = await startServer(folder, { faultAdminPort: 0 });
  const admin = `http://127.0.0.1:${open.ports.faultAdmin}/faults`;
  const post = (body: string, type = "application/json") =>
    fetch(admin, { method: "POST", body, headers: { "content-type": type } });
  const ask = () =>
    open.post("/v2/models/echo_int32/infer", {
      inputs: [{ name: "INPUT0", shape: [1, 4], datatype: "INT32", data: [1, 2, 3, 4] }],
    });
  expect(await (await post('{"fault":"echo_int32:error,message=on purpose"}')).json()).toEqual({ id: 1 });
  expect((await ask()).body).toEqual({ error: "on purpose" });
  expect(await (await post('{"model":"echo_int32","error":{"code":"DEADLINE_EXCEEDED"},"times":1}')).json()).toEqual({
    id: 2,
  });
  await fetch(`${admin}/1`, { method: "DELETE" });
  expect(await ask()).toMatchObject({ status: 504, body: { error: "Deadline Exceeded" } });
  await fetch(`${admin}/2`, { method: "DELETE" });
  expect(await (await post('{"fault":"echo_int32:error,message=on purpose"}')).json()).toEqual({ id: 3 });
  expect((await ask()).body).toEqual({ error: "on purpose" });
  expect(await (await fetch(admin)).json()).toMatchObject([{ id: 3, hits: 1, fault: { model: "echo_int32" } }]);
  expect((await post("{}", "text/plain")).status).toBe(415);
  expect(await (await post('{"model":"x"}')).json()).toMatchObject({ error: expect.stringContaining("does nothing") });
  expect((await fetch(`${admin}/9`, { method: "DELETE" })).status).toBe(404);
  for (const wrong of ["abc", "1abc", "-1", "1/", ""]) {
    const refused = await fetch(`${admin}/${wrong}`, { method: "DELETE" });
    expect([wrong, refused.status]).toEqual([wrong, 404]);
  }
  expect(await (await fetch(admin)).json()).toHaveLength(1);
  const unknown = await post(JSON.stringify({ fault: "echo_int23:error" }));
  expect([unknown.status, await unknown.json()]).toEqual([
    400,
    {
      error: expect.stringMatching(
        /^a fault is of model 'echo_int23', and no repository has it; there is 'echo_int32'/,
      ),
    },
  ]);
  expect(await (await fetch(`${admin}/3`, { method: "DELETE" })).json()).toEqual([]);
  expect((await ask()).status).toBe(200);
  await open.stop();
});

test("a fault of a model that no repository has is refused at the start, by its name and the nearest", async () => {
  const folder = repository(["echo_int32"]);
  const reason = "a fault is of model 'echo_int23', and no repository has it; there is 'echo_int32'";
  await expect(startServer(folder, { faults: ["echo_int23:error"] })).rejects.toThrow(reason);
  await expect(createTestServer(folder, { faults: ["echo_int23:error"] })).rejects.toThrow(reason);
});
