// GPU placement on what this machine has: ONNX Runtime's WebGPU provider on a software Vulkan device, compared with the CPU; CUDA where there is one.
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import "../../../needs/vulkan.js";
import { printOnnxModel } from "#formats/onnx/onnx-model.js";
import { providersOf } from "#runtime/server/backends/onnx-providers.js";
import { tensorrtOptions } from "#runtime/server/backends/tensorrt-options.js";
import { webgpuOptions } from "#runtime/server/backends/webgpu-options.js";
import { serve } from "#runtime/server/index.js";
import { findGpus } from "#runtime/server/models/gpus.js";
import { instancesOf } from "#runtime/server/scheduling/instance-groups.js";
import { parseModelConfig } from "#triton-protos/model-config.js";

const MODELS = join(import.meta.dirname, "../../../../model-repo");
const ARTEFACTS = join(import.meta.dirname, "../../../samples/artefacts/models");
const folder = mkdtempSync(join(tmpdir(), "merlon-gpu-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A repository with one ONNX model and the given instances. */
function repository(name: string, onnx: string, groups: string): string {
  const out = mkdtempSync(join(folder, "repository-"));
  mkdirSync(join(out, name, "1"), { recursive: true });
  cpSync(onnx, join(out, name, "1", "model.onnx"));
  writeFileSync(join(out, name, "config.pbtxt"), `backend: "onnxruntime"\n${groups}\n`);
  return out;
}

async function start(repositories: string, gpu: "webgpu" | "none" | "cuda") {
  const log: string[] = [];
  const endpoint = { port: 0, address: "127.0.0.1" };
  const server = await serve({
    modelRepositories: [repositories],
    http: endpoint,
    grpc: false,
    metrics: false,
    gpu,
    exitOnError: false,
    hints: true,
    writeLog: text => log.push(text),
  });
  const url = `http://127.0.0.1:${server.ports.http}/v2`;
  const json = async (path: string, body?: object) => {
    const response = await fetch(`${url}/${path}`, body && { method: "POST", body: JSON.stringify(body) });
    return (await response.json()) as {
      readonly outputs: readonly { readonly data: readonly number[] }[];
      readonly error?: string;
      readonly instance_group: readonly { readonly kind: string; readonly gpus: readonly number[] }[];
    };
  };
  return { json, log, stop: server.stop };
}

const GPU = "instance_group [ { kind: KIND_GPU } ]";
const dlrm = join(MODELS, "recommend_dlrm", "1", "model.onnx");

/** The same rows to the model on a device and on the CPU. */
async function bothWays(gpu: "webgpu" | "cuda") {
  const onDevice = await start(repository("dlrm", dlrm, GPU), gpu);
  const onCpu = await start(repository("dlrm", dlrm, "instance_group [ { kind: KIND_CPU } ]"), "none");
  try {
    const { inputs } = (await onCpu.json("models/dlrm")) as unknown as {
      readonly inputs: readonly { readonly name: string; readonly datatype: string; readonly shape: number[] }[];
    };
    const rows = 4;
    const request = {
      inputs: inputs.map(({ name, datatype, shape }, at) => ({
        name,
        datatype,
        shape: [rows, ...shape.slice(1)],
        data: Array.from({ length: rows }, (_, i) => (datatype.startsWith("INT") ? (i + at) % 3 : Math.sin(i + at))),
      })),
    };
    const config = await onDevice.json("models/dlrm/config");
    const [device, cpu] = [
      await onDevice.json("models/dlrm/infer", request),
      await onCpu.json("models/dlrm/infer", request),
    ];
    expect(device.error ?? cpu.error).toBeUndefined();
    return { config, device: device.outputs[0]!.data, cpu: cpu.outputs[0]!.data };
  } finally {
    await onDevice.stop();
    await onCpu.stop();
  }
}

function expectClose({ device, cpu }: Awaited<ReturnType<typeof bothWays>>) {
  expect(device).toHaveLength(4);
  expect(new Set(device).size).toBeGreaterThan(2);
  device.forEach((value, i) => {
    expect(value).toBeCloseTo(cpu[i]!, 4);
  });
}

/** Providers of a GPU's instance with these accelerators, on a machine that has CUDA. */
function onCuda(accelerators: string) {
  const text = `name: "m"\nbackend: "onnxruntime"\ninstance_group [ { kind: KIND_GPU gpus: [ 1 ] } ]\noptimization { execution_accelerators { gpu_execution_accelerator [ ${accelerators} ] } }\n`;
  const gpus = { provider: "cuda", devices: [0, 1] } as const;
  return providersOf(parseModelConfig(text, "config.pbtxt"), { name: "m_0", kind: "gpu", device: 1 }, gpus);
}

describe("accelerators", () => {
  test("TensorRT before CUDA before the CPU, on the instance's device", () => {
    const cuda = { name: "cuda", deviceId: 1 };
    expect(onCuda("")).toEqual([cuda, "cpu"]);
    expect(onCuda('{ name: "cuda" }')).toEqual([cuda, "cpu"]);
    const plain = '{ name: "tensorrt" parameters { key: "precision_mode" value: "FP32" } }';
    expect(onCuda(plain)).toEqual([{ name: "tensorrt", deviceId: 1 }, cuda, "cpu"]);
  });
  test("what onnxruntime-node can't set is a load error, not another precision", () => {
    expect(() => onCuda('{ name: "tensorrt" parameters { key: "precision_mode" value: "FP16" } }')).toThrow(
      "the tensorrt accelerator is given `trt_fp16_enable`, and onnxruntime-node can set no option of it but the device.",
    );
    expect(() => onCuda('{ name: "cuda" parameters { key: "use_tf32" value: "0" } }')).toThrow("given `use_tf32`");
    expect(() => onCuda('{ name: "openvino" }')).toThrow(
      "unknown Execution Accelerator 'openvino' is requested; this server's GPUs run by cuda, which takes: tensorrt, cuda",
    );
  });
  test("options of WebGPU have its names; what is none is a load error", () => {
    const parameters = { preferredLayout: "NHWC", enableRobustness: "true", forceCpuNodeNames: "a, b" };
    expect(webgpuOptions(parameters)).toEqual({
      name: "webgpu",
      preferredLayout: "NHWC",
      enableRobustness: true,
      forceCpuNodeNames: ["a", "b"],
    });
    expect(() => webgpuOptions({ layout: "NHWC" })).toThrow(
      "unknown parameter 'layout' is provided for webgpu Execution Accelerator, which takes preferredLayout, forceCpuNodeNames,",
    );
    expect(() => webgpuOptions({ preferredLayout: "HWC" })).toThrow("is 'HWC'; it takes NCHW, NHWC");
  });
  // The table of Triton's ONNX Runtime backend, and its texts for invalid ones.
  test("parameters are the provider's options", () => {
    expect(
      tensorrtOptions({
        precision_mode: "INT8",
        max_workspace_size_bytes: "1073741824",
        int8_calibration_table_name: "calibration.flatbuffers",
        int8_use_native_calibration_table: "true",
        trt_engine_cache_enable: "1",
        trt_engine_cache_path: "/cache",
        trt_builder_optimization_level: "3",
        trt_auxiliary_streams: "-1",
        trt_profile_min_shapes: "X:1x4",
      }),
    ).toEqual({
      trt_int8_enable: "1",
      trt_max_workspace_size: "1073741824",
      trt_int8_calibration_table_name: "calibration.flatbuffers",
      trt_int8_use_native_calibration_table: "true",
      trt_engine_cache_enable: "1",
      trt_engine_cache_path: "/cache",
      trt_builder_optimization_level: "3",
      trt_auxiliary_streams: "-1",
      trt_profile_min_shapes: "X:1x4",
    });
    expect(tensorrtOptions({ precision_mode: "FP32" })).toEqual({});
  });
  test.each([
    [{ segment_size: "3" }, "unknown parameter 'segment_size' is provided for TensorRT Execution Accelerator"],
    [{ precision_mode: "FP8" }, "unsupported precision mode 'FP8' is requested"],
    [{ max_workspace_size_bytes: "abc" }, "failed to convert 'abc' to unsigned long long integral number"],
    [{ trt_dla_core: "1.5" }, "failed to convert '1.5' to integral number"],
    [{ trt_dla_enable: "yes" }, "failed to convert 'yes' to boolean"],
  ] as const)("%o is refused with Triton's text", (parameters, message) => {
    expect(() => tensorrtOptions(parameters)).toThrow(message);
  });
});

// A software device compiles its shaders on the CPU.
describe("KIND_GPU", { timeout: 120_000 }, () => {
  test("runs on WebGPU, and answers what the CPU answers", async () => {
    const answers = await bothWays("webgpu");
    expect(answers.config.instance_group).toMatchObject([{ kind: "KIND_GPU", gpus: [0] }]);
    expectClose(answers);
  });
  test("runs on CUDA, and answers what the CPU answers", async ({ skip }) => {
    if (findGpus("auto").provider !== "cuda") skip("no CUDA device with ONNX Runtime's CUDA provider here");
    expectClose(await bothWays("cuda"));
  });
  test.each([
    ["none", GPU, "has kind KIND_GPU but server does not support GPUs"],
    ["webgpu", "instance_group [ { kind: KIND_GPU gpus: [ 0, 3 ] } ]", "specifies invalid or unsupported gpu id 3"],
    [
      "webgpu",
      `${GPU}\noptimization { execution_accelerators { gpu_execution_accelerator [ { name: "tensorrt" } ] } }`,
      "unknown Execution Accelerator 'tensorrt' is requested; this server's GPUs run by webgpu, which takes: webgpu",
    ],
    ["webgpu", "instance_group [ { kind: KIND_GPU gpus: [ -1 ] } ]", "specifies invalid or unsupported gpu id -1"],
    ["webgpu", "instance_group [ { kind: KIND_CPU gpus: [ 0 ] } ]", "has kind KIND_CPU but specifies one or more GPUs"],
  ] as const)("gpu %s, %s: that model's load error", async (gpu, groups, message) => {
    const server = await start(repository("ranker", join(ARTEFACTS, "ranker.onnx"), groups), gpu);
    try {
      const index = (await server.json("repository/index", {})) as unknown as readonly { readonly reason: string }[];
      expect(index[0]!.reason).toContain(message);
    } finally {
      await server.stop();
    }
  });
  test("no GPU: Triton's words to clients, and the way out in the log", async () => {
    const server = await start(repository("ranker", join(ARTEFACTS, "ranker.onnx"), GPU), "none");
    try {
      const index = (await server.json("repository/index", {})) as unknown as readonly { readonly reason: string }[];
      expect(index[0]!.reason).toMatch(/has kind KIND_GPU but server does not support GPUs$/);
      expect(server.log.join("")).toContain("no GPU for 'ranker': they are off, by `--gpu none`.");
    } finally {
      await server.stop();
    }
  });
});

/** Three models in a row, and an ensemble of them, whose attention takes any number of rows and places. */
function chained(kind: "KIND_GPU" | "KIND_CPU", more = ""): string {
  const out = mkdtempSync(join(folder, "chained-"));
  const value = (name: string) => ({ name, dtype: "float32" as const, shape: ["n", "places", 4] });
  const graph = printOnnxModel({
    name: "attention",
    opsets: { "": 17 },
    inputs: [value("x")],
    outputs: [value("y")],
    nodes: [
      { op: "Transpose", inputs: ["x"], outputs: ["turned"], attributes: { perm: { ints: [0, 2, 1] } } },
      { op: "MatMul", inputs: ["x", "turned"], outputs: ["likeness"] },
      { op: "Softmax", inputs: ["likeness"], outputs: ["weights"], attributes: { axis: { int: -1 } } },
      { op: "MatMul", inputs: ["weights", "x"], outputs: ["y"] },
    ],
    constants: {},
  });
  const steps = ["a", "b", "c"].map((name, i) => {
    mkdirSync(join(out, name, "1"), { recursive: true });
    writeFileSync(join(out, name, "1", "model.onnx"), graph);
    writeFileSync(
      join(out, name, "config.pbtxt"),
      `backend: "onnxruntime"\nmax_batch_size: 8\ninstance_group [ { kind: ${kind} } ]\n${more}\n`,
    );
    const [from, to] = [i === 0 ? "x" : `h${i}`, i === 2 ? "y" : `h${i + 1}`];
    return `{ model_name: "${name}" model_version: -1 input_map { key: "x" value: "${from}" } output_map { key: "y" value: "${to}" } }`;
  });
  mkdirSync(join(out, "all", "1"), { recursive: true });
  const side = (name: string) => `[ { name: "${name}" data_type: TYPE_FP32 dims: [ -1, 4 ] } ]`;
  writeFileSync(
    join(out, "all", "config.pbtxt"),
    `platform: "ensemble"\nmax_batch_size: 8\ninput ${side("x")}\noutput ${side("y")}\nensemble_scheduling { step [ ${steps.join(", ")} ] }\n`,
  );
  return out;
}

describe("a chain of models on WebGPU", { timeout: 120_000 }, () => {
  test("answers what the CPU answers, many at once, and whatever the shape; nothing to compute ends no process", async () => {
    const options =
      'optimization { execution_accelerators { gpu_execution_accelerator [ { name: "webgpu" parameters { key: "preferredLayout" value: "NCHW" } } ] } }';
    const [onDevice, onCpu] = [
      await start(chained("KIND_GPU", options), "webgpu"),
      await start(chained("KIND_CPU"), "none"),
    ];
    const ask = (server: typeof onCpu, rows: number, places: number) => {
      const data = Array.from({ length: rows * places * 4 }, (_, i) => Math.sin(i * 1.7 + rows));
      return server.json("models/all/infer", {
        inputs: [{ name: "x", datatype: "FP32", shape: [rows, places, 4], data }],
      });
    };
    try {
      expect((await onDevice.json("models/a/config")).instance_group).toMatchObject([{ kind: "KIND_GPU", count: 1 }]);
      const shapes = [1, 2, 5, 8].flatMap(rows => [0, 1, 3, 17].map(places => [rows, places] as const));
      await Promise.all(
        shapes.map(async ([rows, places]) => {
          const [device, cpu] = await Promise.all([ask(onDevice, rows, places), ask(onCpu, rows, places)]);
          expect(device.error ?? cpu.error).toBeUndefined();
          expect(device.outputs[0]!.data).toHaveLength(rows * places * 4);
          device.outputs[0]!.data.forEach((value, i) => {
            expect(value).toBeCloseTo(cpu.outputs[0]!.data[i]!, 5);
          });
        }),
      );
    } finally {
      await onDevice.stop();
      await onCpu.stop();
    }
  });
});

test("instances are numbered group by group, a count on each device", () => {
  const groups = (text: string) => instancesOf(parseModelConfig(text, "config.pbtxt"));
  const both =
    'instance_group [ { name: "a" count: 2 kind: KIND_GPU gpus: [ 0, 1 ] }, { name: "b" count: 1 kind: KIND_CPU } ]';
  expect(groups(both)).toEqual([
    { name: "a_0", kind: "gpu", device: 0 },
    { name: "a_1", kind: "gpu", device: 0 },
    { name: "a_2", kind: "gpu", device: 1 },
    { name: "a_3", kind: "gpu", device: 1 },
    { name: "b_0", kind: "cpu" },
  ]);
  expect(groups("")).toEqual([{ name: "0", kind: "cpu" }]);
});
