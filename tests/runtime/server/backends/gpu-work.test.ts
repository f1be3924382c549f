/**
 * The work of a GPU's instances: half precision, batches, two models on one device, its memory and its lack. On the software Vulkan device
 * always, and on CUDA where it is. Expected values are the CPU's.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import "../../../needs/vulkan.js";
import { type OnnxNode, printOnnxModel } from "#formats/onnx/onnx-model.js";
import { serve } from "#runtime/server/index.js";
import { findGpus } from "#runtime/server/models/gpus.js";

type Device = "webgpu" | "cuda";

const folder = mkdtempSync(join(tmpdir(), "merlon-gpu-work-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const WIDTH = 16;
/** Weights that no two rows have in common. */
const weights = (width: number, seed: number): Float32Array =>
  Float32Array.from({ length: width * width }, (_, i) => Math.sin(i * 0.7 + seed) / 4);

/** `relu(x · w)` over any number of rows. @param half both are rounded to half precision before the product, and the result is widened */
function layer({ width = WIDTH, seed = 0, half = false } = {}): Uint8Array {
  const cast = (from: string, to: string, type: 1 | 10): OnnxNode => ({
    op: "Cast",
    inputs: [from],
    outputs: [to],
    attributes: { to: { int: type } },
  });
  const product = (x: string, w: string, y: string): OnnxNode[] => [
    { op: "MatMul", inputs: [x, w], outputs: ["sum"] },
    { op: "Relu", inputs: ["sum"], outputs: [y] },
  ];
  const value = (name: string) => ({ name, dtype: "float32" as const, shape: ["n", width] });
  return printOnnxModel({
    name: "layer",
    opsets: { "": 17 },
    inputs: [value("x")],
    outputs: [value("y")],
    nodes: half
      ? [cast("x", "x16", 10), cast("w", "w16", 10), ...product("x16", "w16", "y16"), cast("y16", "y", 1)]
      : product("x", "w", "y"),
    constants: { w: { dtype: "float32", shape: [width, width], values: weights(width, seed) } },
  });
}

/** The product of every two rows: 180 KB of input need 8 GB. */
const OUTER = printOnnxModel({
  name: "outer",
  opsets: { "": 17 },
  inputs: [{ name: "x", dtype: "float32", shape: ["n", 1] }],
  outputs: [{ name: "y", dtype: "float32", shape: ["n", 1] }],
  nodes: [
    { op: "Transpose", inputs: ["x"], outputs: ["turned"], attributes: { perm: { ints: [1, 0] } } },
    { op: "MatMul", inputs: ["x", "turned"], outputs: ["all"] },
    { op: "ReduceSum", inputs: ["all", "axes"], outputs: ["y"], attributes: { keepdims: { int: 1 } } },
  ],
  constants: { axes: { dtype: "int64", shape: [1], values: [1] } },
});

const BATCHES = "max_batch_size: 8";

/** @param more lines of each configuration */
function repository(
  kind: "KIND_GPU" | "KIND_CPU",
  models: Readonly<Record<string, Uint8Array>>,
  more = BATCHES,
): string {
  const out = mkdtempSync(join(folder, "repository-"));
  for (const [name, graph] of Object.entries(models)) {
    mkdirSync(join(out, name, "1"), { recursive: true });
    writeFileSync(join(out, name, "1", "model.onnx"), graph);
    writeFileSync(
      join(out, name, "config.pbtxt"),
      `backend: "onnxruntime"\ninstance_group [ { kind: ${kind} } ]\n${more}\n`,
    );
  }
  return out;
}

async function start(models: string, gpu: Device | "none") {
  const server = await serve({
    modelRepositories: [models],
    modelControlMode: "explicit",
    loadModels: ["*"],
    http: { port: 0, address: "127.0.0.1" },
    grpc: false,
    metrics: false,
    gpu,
    hints: true,
    writeLog: () => {},
  });
  const call = async (path: string, body: object | undefined = undefined) => {
    const init = body && { method: "POST", body: JSON.stringify(body) };
    const response = await fetch(`http://127.0.0.1:${server.ports.http}/v2/${path}`, init);
    const text = await response.text();
    return { status: response.status, body: text === "" ? {} : JSON.parse(text) };
  };
  /** @returns the values of `y`; throws the server's text */
  const infer = async (model: string, rows: readonly (readonly number[])[]): Promise<readonly number[]> => {
    const inputs = [{ name: "x", datatype: "FP32", shape: [rows.length, rows[0]!.length], data: rows.flat() }];
    const { status, body } = await call(`models/${model}/infer`, { inputs });
    if (status !== 200) throw new Error(body.error);
    return body.outputs[0].data;
  };
  return { call, infer, stop: server.stop };
}

const row = (seed: number, width = WIDTH): number[] =>
  Array.from({ length: width }, (_, i) => Math.fround(Math.cos(seed + i)));

/** The same models on the device and on the CPU. */
async function both(device: Device, models: Readonly<Record<string, Uint8Array>>, more = BATCHES) {
  const onDevice = await start(repository("KIND_GPU", models, more), device);
  const onCpu = await start(repository("KIND_CPU", models, more), "none");
  return { onDevice, onCpu, stop: () => Promise.all([onDevice.stop(), onCpu.stop()]) };
}

function expectClose(device: readonly number[], cpu: readonly number[], digits: number) {
  expect(device).toHaveLength(cpu.length);
  expect(new Set(cpu).size).toBeGreaterThan(2);
  device.forEach((value, i) => {
    expect(value).toBeCloseTo(cpu[i]!, digits);
  });
}

/** Megabytes in use: those of a software device are this process' own. */
const usedMb: Readonly<Record<Device, () => number>> = {
  webgpu: () => process.memoryUsage.rss() / 2 ** 20,
  cuda: () =>
    Number.parseInt(
      execFileSync("nvidia-smi", ["--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0"], {
        encoding: "utf8",
      }),
      10,
    ),
};
/** Rows whose outer product no device of its kind holds: 8 GB, beyond the largest buffer of WebGPU, and 1.4 TB. */
const TOO_MANY = { webgpu: 45_000, cuda: 600_000 } as const;

const isThere = (device: Device): boolean => device === "webgpu" || findGpus("auto").provider === "cuda";

describe.each<Device>(["webgpu", "cuda"])("on %s", device => {
  // A software device compiles its shaders on the CPU.
  const onDevice = (title: string, work: () => Promise<void>) =>
    test(title, { timeout: 120_000 }, async ({ skip }) => {
      if (!isThere(device)) skip("no CUDA device with ONNX Runtime's CUDA provider here");
      await work();
    });

  onDevice("half precision gives what the CPU gives in half precision, and not what float32 gives", async () => {
    const { onDevice, onCpu, stop } = await both(device, { half: layer({ half: true }), full: layer() });
    try {
      const rows = [row(1), row(2), row(3)];
      const [half, expected, full] = [
        await onDevice.infer("half", rows),
        await onCpu.infer("half", rows),
        await onDevice.infer("full", rows),
      ];
      expectClose(half, expected, 2);
      const distance = (other: readonly number[]) => Math.max(...half.map((value, i) => Math.abs(value - other[i]!)));
      expect(distance(full)).toBeGreaterThan(1e-5);
      // The last 13 bits of a float32 that is a float16 are zero.
      const bits = new Uint32Array(Float32Array.from(half).buffer);
      expect(bits.every(value => (value & 0x1fff) === 0)).toBe(true);
    } finally {
      await stop();
    }
  });

  onDevice("requests share batches, and each gets the rows of its own", async () => {
    const queue = `${BATCHES} dynamic_batching { preferred_batch_size: [ 8 ] max_queue_delay_microseconds: 20000 }`;
    const { onDevice, onCpu, stop } = await both(device, { layer: layer() }, queue);
    try {
      const seeds = Array.from({ length: 64 }, (_, i) => i);
      const answers = await Promise.all(seeds.map(seed => onDevice.infer("layer", [row(seed)])));
      for (const seed of seeds) expectClose(answers[seed]!, await onCpu.infer("layer", [row(seed)]), 5);
      const { body } = await onDevice.call("models/layer/stats");
      const [{ inference_count: inferences, execution_count: executions }] = body.model_stats;
      expect(inferences).toBe(64);
      expect(executions).toBeLessThan(40);
    } finally {
      await stop();
    }
  });

  onDevice("two models at once on one device each give their own values", async () => {
    const models = { one: layer({ seed: 1 }), other: layer({ seed: 2, width: 24 }) };
    const { onDevice, onCpu, stop } = await both(device, models);
    try {
      for (const name of ["one", "other"])
        expect((await onDevice.call(`models/${name}/config`)).body.instance_group).toMatchObject([
          { kind: "KIND_GPU", gpus: [0] },
        ]);
      const calls = Array.from({ length: 40 }, (_, i) =>
        i % 2 === 0 ? (["one", [row(i), row(i + 0.5)]] as const) : (["other", [row(i, 24)]] as const),
      );
      const answers = await Promise.all(calls.map(([name, rows]) => onDevice.infer(name, rows)));
      for (const [i, [name, rows]] of calls.entries()) expectClose(answers[i]!, await onCpu.infer(name, rows), 5);
    } finally {
      await stop();
    }
  });

  onDevice("an unloaded model leaves no memory on the device", async () => {
    const width = 2048;
    const server = await start(repository("KIND_GPU", { wide: layer({ width }) }), device);
    try {
      const weightsMb = (width * width * 4) / 2 ** 20;
      const cycle = async () => {
        expect((await server.call("repository/models/wide/load", {})).status).toBe(200);
        await server.infer("wide", [row(0, width)]);
        expect((await server.call("repository/models/wide/unload", {})).status).toBe(200);
      };
      for (let i = 0; i < 4; i++) await cycle();
      const before = usedMb[device]();
      const cycles = 16;
      for (let i = 0; i < cycles; i++) await cycle();
      // A leak of the weights would be twice as much.
      expect(usedMb[device]() - before).toBeLessThan((cycles * weightsMb) / 2);
    } finally {
      await server.stop();
    }
  });

  onDevice("what does not fit into the device fails that request alone", async () => {
    const value = (name: string) => `[ { name: "${name}" data_type: TYPE_FP32 dims: [ -1, 1 ] } ]`;
    const unbatched = `input ${value("x")} output ${value("y")}`;
    const server = await start(repository("KIND_GPU", { outer: OUTER, other: OUTER }, unbatched), device);
    try {
      const small = [[1], [2], [3]];
      expect(await server.infer("outer", small)).toEqual([6, 12, 18]);
      const large = Array.from({ length: TOO_MANY[device] }, () => [1]);
      await expect(server.infer("outer", large)).rejects.toThrow(/memory|buffer|alloc/i);
      expect(await server.infer("outer", small)).toEqual([6, 12, 18]);
      expect(await server.infer("other", small)).toEqual([6, 12, 18]);
    } finally {
      await server.stop();
    }
  });
});
