/** Threads of a model above 16 MB: those of its process, of `MERLON_THREADS`, or of its own configuration. */
import { readdirSync } from "node:fs";
import { afterEach, expect, test, vi } from "vitest";
import { printOnnxModel } from "#formats/onnx/onnx-model.js";
import { repository, startServer } from "../support.js";

const COUNT = 5_000_000;
const SUM = printOnnxModel({
  name: "sum",
  opsets: { "": 17 },
  inputs: [{ name: "x", dtype: "float32", shape: [1] }],
  outputs: [{ name: "sum", dtype: "float32", shape: [1] }],
  nodes: [
    { op: "Mul", inputs: ["weights", "x"], outputs: ["all"] },
    { op: "ReduceSum", inputs: ["all"], outputs: ["sum"] },
  ],
  constants: { weights: { dtype: "float32", shape: [COUNT], values: new Float32Array(COUNT).fill(1) } },
});
afterEach(() => vi.unstubAllEnvs());

/** Threads that this process has more while the model is loaded. */
async function threadsOfModel(threads: string, parameters = ""): Promise<number> {
  vi.stubEnv("MERLON_THREADS", threads);
  const folder = repository([], {
    "sum/config.pbtxt": `name: "sum"\nbackend: "onnxruntime"\nmax_batch_size: 0\n${parameters}`,
    "sum/1/model.onnx": Buffer.from(SUM),
  });
  const count = (): number => readdirSync("/proc/self/task").length;
  const server = await startServer(folder, { modelControlMode: "explicit" });
  try {
    const before = count();
    expect((await server.post("/v2/repository/models/sum/load", {})).status).toBe(200);
    return count() - before;
  } finally {
    await server.stop();
  }
}

test.runIf(process.platform === "linux")("a large model computes with as many threads as its process has", async () => {
  // The first load starts threads of Node, too.
  await threadsOfModel("1");
  expect([await threadsOfModel("1"), await threadsOfModel("5")]).toEqual([0, 4]);
});

test.runIf(process.platform === "linux")("the model's own number wins", async () => {
  const own = 'parameters { key: "intra_op_thread_count" value { string_value: "3" } }';
  await threadsOfModel("1");
  expect(await threadsOfModel("6", own)).toBe(2);
});
