/**
 * The official Python client and perf_analyzer against a running server.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { serve } from "#runtime/server/index.js";
import { runPython } from "./python.js";

let server: Awaited<ReturnType<typeof serve>>;
beforeAll(async () => {
  server = await serve({
    modelRepositories: [new URL("../conformance/data/protocol/models", import.meta.url).pathname],
    modelControlMode: "explicit",
    loadModels: ["calc_fp32", "calc_int64", "echo_bytes", "echo_int32", "seq_oldest"],
    allowClientShm: true,
    http: { port: 0, address: "127.0.0.1" },
    grpc: { port: 0, address: "127.0.0.1" },
    metrics: false,
    writeLog: () => {},
  });
});
afterAll(() => server.stop());

const sum = [
  [0, 3, 6, 9],
  [12, 15, 18, 21],
];
const expected = {
  live: true,
  ready: true,
  model_ready: true,
  unknown_ready: false,
  server: "triton",
  inputs: [
    ["LEFT", "FP32", [-1, 4]],
    ["RIGHT", "FP32", [-1, 4]],
  ],
  max_batch_size: 8,
  sum,
  diff: sum.map(row => row.map(value => (value === 0 ? 0 : -value / 3))),
  id: "7",
  words: ["grün", ""],
  int64: ["9223372036854775807", "-9223372036854775808", "0", "-1"],
};

test("tritonclient: metadata, configuration, inference and statistics over gRPC and HTTP", async () => {
  const report = (await runPython("infer.py", [String(server.ports.grpc), String(server.ports.http)])) as {
    grpc: Record<string, unknown>;
    http: Record<string, unknown>;
  };
  const missing =
    "[request id: 7] expected 2 inputs but got 1 inputs for model 'calc_fp32'. Got input(s) ['LEFT'], but missing required input(s) ['RIGHT']. Please provide all required input(s).";
  expect(report.grpc).toMatchObject({
    ...expected,
    error: ["StatusCode.INVALID_ARGUMENT", missing],
    inference_count: 2,
    execution_count: 1,
  });
  expect(report.http).toMatchObject({
    ...expected,
    unknown_ready: false,
    error: ["400", missing],
    inference_count: 4,
    execution_count: 2,
  });
  expect(report.grpc.index).toContain("calc_int32");
  expect(report.http.index).toEqual(report.grpc.index);
});

test("tritonclient: a stream keeps its order and carries faults inside", async () => {
  const report = await runPython("stream.py", [String(server.ports.grpc)]);
  expect(report).toMatchObject([
    { id: "0", values: [0, 0, 0, 0], final: true },
    { error: expect.stringContaining("[request id: 1] unexpected shape for input 'INPUT0'") },
    { id: "2", values: [2, 2, 2, 2], final: true },
  ]);
});

test("tritonclient: every method of the four clients, shared memory utilities included", async () => {
  const report = (await runPython("every_method.py", [String(server.ports.grpc), String(server.ports.http)])) as Record<
    "grpc" | "grpc.aio" | "http" | "http.aio",
    unknown
  >;
  const noGpu = "failed to register CUDA shared memory region: 'cuda', GPUs not supported";
  for (const client of ["grpc", "grpc.aio", "http", "http.aio"] as const)
    expect(report[client], client).toEqual({
      not_called: [],
      not_well: { register_cuda_shared_memory: noGpu },
      mapped: 2,
      written: [[0, 1, 2, 3]],
    });
}, 120_000);

test("the standard health service responds to a Kubernetes probe", async () => {
  expect(await runPython("health.py", [String(server.ports.grpc)])).toEqual({ whole: "SERVING", inference: "SERVING" });
});

const SHAPE = ["--shape", "INPUT0:4"];
/** Forms of measurement: the protocol, the model and perf_analyzer's options. */
const FORMS: Readonly<Record<string, readonly ["grpc" | "http", string, ...string[]]>> = {
  "over gRPC": ["grpc", "echo_int32", ...SHAPE],
  "over HTTP": ["http", "echo_int32", ...SHAPE],
  streaming: ["grpc", "echo_int32", "--streaming", ...SHAPE],
  "in system shared memory, gRPC": ["grpc", "echo_int32", "--shared-memory", "system", ...SHAPE],
  "in system shared memory, HTTP": ["http", "echo_int32", "--shared-memory", "system", ...SHAPE],
  "at a request rate": ["grpc", "echo_int32", "--request-rate-range", "100", ...SHAPE],
  "of sequences": ["grpc", "seq_oldest", "--sequence-length", "5", "--streaming"],
};
for (const [form, [protocol, model, ...flags]] of Object.entries(FORMS))
  test(`perf_analyzer completes a measurement ${form}`, async () => {
    const report = (await runPython("measure.py", [protocol, String(server.ports[protocol]), model, ...flags])) as {
      throughput: number;
      counted: number;
    };
    expect(report).toMatchObject({ exit_code: 0 });
    expect(report.throughput).toBeGreaterThan(10);
    // It believed the server's statistics, which said the same.
    expect(report.counted).toBeGreaterThan(10);
  }, 120_000);
