/** Synchronous requests of callers in the process: their conditions, their counters, and their waits. */
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { valuesTensor } from "#runtime/base/columns/tensor-values.js";
import { RuntimeFault } from "#runtime/base/errors.js";
import type { TypedTensor } from "#runtime/base/tensor.js";
import { openSession } from "#runtime/server/backends/onnx-session.js";
import { onnxruntimeBackend } from "#runtime/server/backends/onnxruntime.js";
import { createStatistics } from "#runtime/server/observe/statistics.js";
import { parseModelConfig, printModelConfig } from "#triton-protos/model-config.js";
import { configOf, notedModel, requestOf, schedulerOf, turns } from "../scheduling/support.js";

const model = (name: string) => join(import.meta.dirname, "../../../samples/artefacts/models", `${name}.onnx`);
const fault = new RuntimeFault("INTERNAL", "no luck");

/** @param answer by the name of the first tensor */
async function start(answer: (name: string) => readonly TypedTensor[] | undefined) {
  const stats = createStatistics();
  const noted = notedModel(true);
  const model = { ...noted, computeSync: ([input]: readonly TypedTensor[]) => answer(input!.name) };
  const scheduler = await schedulerOf(configOf({}), model, { stats });
  const runSync = (name: string, rows = 1) => scheduler.runSync!(rows, [tensor(name)], ["y"]);
  return { scheduler, runSync, stats, release: noted.release };
}

const tensor = (name: string): TypedTensor => ({ name, dtype: "float32", shape: [1], values: Float32Array.of(1) });

describe("a model that answers at once", () => {
  test("answers without an instance, and the execution counts", async () => {
    const { runSync, stats } = await start(name => [tensor(name)]);
    expect(runSync("7", 3)).toMatchObject({ outputs: [tensor("7")] });
    expect(stats.executionCount).toBe(1);
    expect([...stats.batches.keys()]).toEqual([3]);
  });
  test("may decline, and its fault is the request's", async () => {
    const { runSync, stats } = await start(name => {
      if (name !== "1") throw fault;
      return undefined;
    });
    expect(runSync("1")).toBeUndefined();
    expect(() => runSync("2")).toThrow(fault);
    expect(stats.executionCount).toBe(0);
  });
  test("is not called while its instance runs, and not once the model is being unloaded", async () => {
    const { scheduler, runSync, release } = await start(() => []);
    const running = scheduler.schedule(requestOf("1"));
    expect(runSync("2")).toBeUndefined();
    release();
    await running;
    await turns();
    expect(runSync("2")).toBeDefined();
    await scheduler.drain();
    expect(runSync("3")).toBeUndefined();
  });
});

describe("a session on the CPU", () => {
  const feeds = () => ({
    city: new ort.Tensor("int64", BigInt64Array.of(3n, 4n), [2]),
    age: new ort.Tensor("float32", Float32Array.of(0.5, -1), [2]),
  });
  test("runs at once what it has run soon before, with the package's own answer", async () => {
    const session = await openSession(model("query_tower"), { executionProviders: ["cpu"], logSeverityLevel: 4 });
    const own = await ort.InferenceSession.create(model("query_tower"));
    const wanted = [...own.outputNames];
    expect(session.runSync!(feeds(), wanted)).toBeUndefined();
    const expected = await own.run(feeds());
    let now: Awaited<ReturnType<typeof session.run>> | undefined;
    // A busy machine may make the first runs look slow.
    for (let i = 0; i < 1000 && !now; i++) {
      expect(await session.run(feeds(), wanted)).toEqual(expected);
      now = session.runSync!(feeds(), wanted);
    }
    expect(now).toEqual(expected);
    await expect(session.run({ city: feeds().city }, wanted)).rejects.toThrow("input 'age' is missing");
    await session.release();
  });
});

describe("a request of a model that is quick", () => {
  const file = {
    name: "query_tower",
    default_model_filename: "query_tower.onnx",
    input: [
      { name: "city", data_type: "TYPE_INT64", dims: [-1] },
      { name: "age", data_type: "TYPE_FP32", dims: [-1] },
    ],
    output: [{ name: "query_embedding", data_type: "TYPE_FP32", dims: [-1, 4] }],
  } as const;
  const open = async (more: object) => {
    const config = parseModelConfig(printModelConfig({ ...file, ...more }), "config.pbtxt");
    const folder = join(import.meta.dirname, "../../../samples/artefacts/models");
    const models = { describe: async () => ({ inputs: [], outputs: [] }), infer: async () => [] };
    return onnxruntimeBackend.load({
      name: "query_tower",
      version: 1,
      folder,
      config,
      models,
      drawSeed: () => 1n,
      server: undefined as never,
      gpus: { provider: undefined, devices: [] },
    });
  };
  const request = () => ({
    ...requestOf("1"),
    inputs: new Map([
      ["city", valuesTensor("city", "int64", [2], BigInt64Array.of(3n, 4n))],
      ["age", valuesTensor("age", "float32", [2], Float32Array.of(0.5, -1))],
    ]),
    requestedOutputs: new Set(["query_embedding"]),
  });
  test("runs in the stack that read it, with the same answer", async () => {
    const loaded = await open({});
    const first = await loaded.execute([request()], 0);
    let now: unknown;
    for (let i = 0; i < 1000 && !Array.isArray(now); i++) {
      now = loaded.execute([request()], 0);
      expect(await now).toEqual(first);
    }
    expect(now).toEqual(first);
    await loaded.close?.();
  });
});
