/**
 * Two workers look like one server: whatever state a client changes or reads is the same over every connection.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connect } from "#runtime/client/index.js";
import { until } from "../../../run/wait.js";
import { repository } from "../support.js";
import { call, GOOD, INFER, javascriptModel, ones, type Served, SUMS, serveWorkers, workersOf } from "./served.js";

/** Answers the process after some milliseconds of work. */
const pidAfter = (milliseconds: number): string => `export const execute = requests => {
  for (const end = performance.now() + ${milliseconds}; performance.now() < end; );
  return requests.map(() => ({ outputs: [{ name: "OUT", datatype: "INT32", shape: [1], data: [process.pid] }] }));
};`;

let served: Served;
beforeAll(async () => {
  const folder = repository(["echo_int32", "echo_bytes"], {
    ...javascriptModel("pid", pidAfter(0)),
    ...javascriptModel("busy", pidAfter(4)),
    ...javascriptModel("counted", pidAfter(0)),
    ...SUMS,
  });
  served = await serveWorkers(folder, 2, [
    ...[
      "--model-control-mode",
      "explicit",
      "--load-model",
      "echo_int32",
      "--load-model",
      "pid",
      "--load-model",
      "counted",
    ],
    ...["--allow-client-shm", "true", "--fault-admin-port", "0", "--trace-config", "level=TIMESTAMPS"],
    ...["--http-restricted-api", "logging:key=secret"],
  ]);
});
afterAll(async () => {
  expect(await served.stop()).toBe(0);
});

/** The answers to the same call over connections that reach both workers. */
async function everywhere<T>(ask: () => Promise<T>): Promise<readonly T[]> {
  const answers: T[] = [];
  for (let i = 0; i < 4; i++) answers.push(await ask());
  return answers;
}

test("connections reach both workers in turn, and neither is the control process", async () => {
  const pids = await everywhere(
    async () => (await served.call("POST", "/v2/models/pid/infer", ones([1]))).json.outputs[0].data[0],
  );
  expect(new Set(pids)).toEqual(new Set(workersOf(served)));
  expect(pids).not.toContain(served.child.pid);
});

test("one connection of a client reaches both workers", async () => {
  // A server with faults keeps requests where they arrive.
  const own = await serveWorkers(repository([], javascriptModel("busy", pidAfter(4))), 2);
  const client = await connect(`grpc://127.0.0.1:${own.grpc}`);
  const seen = new Set<number>();
  try {
    await until("both have answered on it", async () => {
      const input = { shape: [1], datatype: "INT32", data: Int32Array.of(1) };
      const answers = await Promise.all(Array.from({ length: 16 }, () => client.infer("busy", { IN: input })));
      for (const { OUT } of answers) seen.add(Number(OUT!.data[0]));
      return seen.size === 2;
    });
    expect(seen).toEqual(new Set(workersOf(own)));
  } finally {
    client.close();
    expect(await own.stop()).toBe(0);
  }
});

test("the log has each line about models once", () => {
  const count = (text: string): number => served.log().split(text).length - 1;
  expect(count("successfully loaded 'echo_int32'")).toBe(1);
  expect(count("| Model ")).toBe(1);
  expect(count("Started HTTPService")).toBe(1);
});

test("statistics and metrics are sums, and no series has a worker", async () => {
  for (let i = 0; i < 10; i++)
    expect((await served.call("POST", "/v2/models/counted/infer", ones([1]))).status).toBe(200);
  for (const { json } of await everywhere(() => served.call("GET", "/v2/models/counted/stats")))
    expect(json.model_stats).toMatchObject([
      { name: "counted", inference_count: 10, execution_count: 10, inference_stats: { success: { count: 10 } } },
    ]);
  const { json } = await served.call("GET", "/v2/models/counted/stats");
  const [{ batch_stats, inference_stats }] = json.model_stats;
  expect(batch_stats).toMatchObject([
    { batch_size: 1, compute_infer: { count: 10, ns: inference_stats.compute_infer.ns } },
  ]);
  const { text } = await call(served.metrics, "GET", "/metrics");
  expect(text).toContain('nv_inference_request_success{model="counted",version="1"} 10\n');
  expect(text).toContain('nv_inference_request_duration_us{model="counted",version="1"} ');
  expect(text).not.toMatch(/worker/);
  const names = text.split("\n").flatMap(line => /^(\w+(?:\{.*\})?) /.exec(line)?.[1] ?? []);
  expect(new Set(names).size).toBe(names.length);
});

test("a failure is counted once, whichever worker it was in", async () => {
  const bad = { inputs: [{ ...GOOD.inputs[0], shape: [1, 3], data: [1, 2, 3] }] };
  for (let i = 0; i < 3; i++) expect((await served.call("POST", INFER, bad)).status).toBe(400);
  expect((await served.call("GET", "/v2/models/nobody/stats")).json).toEqual({
    error: "requested model 'nobody' is not available",
  });
});

test("loads and unloads are done when they are answered, over every connection", async () => {
  const states = async (): Promise<readonly string[]> =>
    (await everywhere(() => served.call("POST", "/v2/repository/index", {}))).map(
      ({ json }) => json.find(({ name }: { name: string }) => name === "echo_bytes").state ?? "none",
    );
  // Unloaded by another test, or never loaded.
  expect(["none", "UNAVAILABLE"]).toEqual(expect.arrayContaining([...new Set(await states())]));
  for (let i = 0; i < 3; i++) {
    expect(await served.call("POST", "/v2/repository/models/echo_bytes/load", {})).toMatchObject({ status: 200 });
    expect(new Set(await states())).toEqual(new Set(["READY"]));
    const ready = await everywhere(() => served.call("GET", "/v2/models/echo_bytes/ready"));
    expect(ready.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(await served.call("POST", "/v2/repository/models/echo_bytes/unload", {})).toMatchObject({ status: 200 });
    expect(new Set(await states())).toEqual(new Set(["UNAVAILABLE"]));
  }
  expect(await served.call("POST", "/v2/repository/models/nobody/load", {})).toMatchObject({
    status: 500,
    json: { error: "failed to load 'nobody', failed to poll from model repository" },
  });
});

test("a configuration of a load request holds in both workers, and statistics begin anew", async () => {
  const config = JSON.stringify({
    name: "echo_bytes",
    backend: "identity",
    max_batch_size: 3,
    input: [{ name: "INPUT0", data_type: "TYPE_STRING", dims: [4] }],
    output: [{ name: "OUTPUT0", data_type: "TYPE_STRING", dims: [4] }],
  });
  const load = await served.call("POST", "/v2/repository/models/echo_bytes/load", { parameters: { config } });
  expect(load).toMatchObject({ status: 200 });
  for (const { json } of await everywhere(() => served.call("GET", "/v2/models/echo_bytes/config")))
    expect(json.max_batch_size).toBe(3);
  for (const { json } of await everywhere(() => served.call("GET", "/v2/models/echo_bytes/stats")))
    expect(json.model_stats[0].inference_count).toBe(0);
  expect(await served.call("POST", "/v2/repository/models/echo_bytes/unload", {})).toMatchObject({ status: 200 });
});

test("ready and live, over every connection", async () => {
  for (const path of ["/v2/health/live", "/v2/health/ready"])
    for (const { status } of await everywhere(() => served.call("GET", path))) expect(status).toBe(200);
});

test("a sequence keeps its state over connections to both workers", async () => {
  expect(await served.call("POST", "/v2/repository/models/sums/load", {})).toMatchObject({ status: 200 });
  const step = (id: number, value: number, parameters: object = {}) =>
    served.call("POST", "/v2/models/sums/infer", {
      parameters: { sequence_id: id, ...parameters },
      inputs: [{ name: "INPUT", shape: [1, 1], datatype: "INT32", data: [value] }],
    });
  for (const id of [1, 2, 3, 4]) {
    const answers = [
      await step(id, 10, { sequence_start: true }),
      await step(id, 20),
      await step(id, 30),
      await step(id, 40, { sequence_end: true }),
    ];
    expect(answers.map(({ json }) => json.outputs[0].data[0])).toEqual([10, 30, 60, 100]);
  }
  const { json } = await served.call("GET", "/v2/models/sums/stats");
  expect(json.model_stats[0].inference_count).toBe(16);
});

test("shared memory is registered everywhere or nowhere", async () => {
  const key = `/merlon-workers-${process.pid}`;
  mkdirSync("/dev/shm", { recursive: true });
  writeFileSync(`/dev/shm${key}`, Buffer.alloc(4096));
  const place = "/v2/systemsharedmemory/region/shared";
  expect(await served.call("POST", `${place}/register`, { key, offset: 0, byte_size: 4096 })).toMatchObject({
    status: 200,
  });
  for (const { json } of await everywhere(() => served.call("GET", `${place}/status`)))
    expect(json).toEqual([{ name: "shared", key, offset: 0, byte_size: 4096 }]);
  for (const { status, json } of await everywhere(() =>
    served.call("POST", `${place}/register`, { key, byte_size: 4096 }),
  ))
    expect({ status, json }).toEqual({
      status: 400,
      json: { error: "shared memory region 'shared' already in manager" },
    });
  expect(await served.call("POST", `${place}/unregister`, {})).toMatchObject({ status: 200 });
  for (const { status } of await everywhere(() => served.call("GET", `${place}/status`))) expect(status).toBe(404);
});

test("settings of traces are set everywhere, and a count is of all workers together", async () => {
  const place = "/v2/models/echo_int32/trace/setting";
  expect(await served.call("POST", place, { trace_count: "5", trace_rate: "1" })).toMatchObject({ status: 200 });
  for (const { json } of await everywhere(() => served.call("GET", place)))
    expect(json).toMatchObject({ trace_count: "5", trace_rate: "1", trace_level: ["TIMESTAMPS"] });
  for (let i = 0; i < 12; i++) await served.call("POST", INFER, GOOD);
  for (const { json } of await everywhere(() => served.call("GET", place))) expect(json.trace_count).toBe("0");
  expect(await served.call("POST", place, { trace_count: "many" })).toMatchObject({ status: 400 });
});

test("a restricted API is restricted in both workers", async () => {
  for (const { status } of await everywhere(() => served.call("GET", "/v2/logging"))) expect(status).toBe(403);
});

test("faults hit in both workers, under one number, and their hits add up", async () => {
  const admin = served.faultAdmin!;
  const { json } = await call(admin, "POST", "/faults", { fault: "echo_int32:error=UNAVAILABLE,message=on purpose" });
  const answers = await everywhere(() => served.call("POST", INFER, GOOD));
  for (const one of answers) expect(one).toMatchObject({ status: 503, json: { error: "on purpose" } });
  const list = await call(admin, "GET", "/faults");
  expect(list.json).toMatchObject([{ id: json.id, hits: 4 }]);
  expect(await call(admin, "POST", "/faults", { fault: "nobody:error" })).toMatchObject({ status: 400 });
  expect(await call(admin, "DELETE", `/faults/${json.id}`)).toMatchObject({ status: 200, json: [] });
  for (const { status } of await everywhere(() => served.call("POST", INFER, GOOD))) expect(status).toBe(200);
});
