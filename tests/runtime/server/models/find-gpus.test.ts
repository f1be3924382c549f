// Which GPUs a server finds, by device files and libraries in folders of the test's own.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { providerAdvice } from "#runtime/server/backends/onnx-providers.js";
import { findGpus, findGpusOrCpu, type GpuPlaces } from "#runtime/server/models/gpus.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-find-gpus-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A machine with these files in `/dev`, with or without ONNX Runtime's CUDA provider. */
function machine(devices: readonly string[], cuda: boolean, visible?: string): GpuPlaces {
  const at = mkdtempSync(join(folder, "machine-"));
  const dev = join(at, "dev");
  const native = join(at, "bin", "napi-v6", process.platform, process.arch);
  mkdirSync(join(dev, "dri"), { recursive: true });
  mkdirSync(native, { recursive: true });
  for (const name of devices) writeFileSync(join(dev, name), "");
  if (cuda) writeFileSync(join(native, "libonnxruntime_providers_cuda.so"), "");
  return { dev, bin: () => join(at, "bin"), env: { CUDA_VISIBLE_DEVICES: visible } };
}
const NVIDIA = ["nvidia0", "nvidia1", "nvidia10", "nvidiactl", "nvidia-uvm"];

describe.runIf(process.platform === "linux")("--gpu auto", () => {
  test("is CUDA where the device and the provider are, its devices counted from 0", () => {
    expect(findGpus("auto", machine(NVIDIA, true))).toEqual({ provider: "cuda", devices: [0, 1, 2] });
    // A container has one of the machine's devices under its own number.
    expect(findGpus("auto", machine(["nvidia3"], true))).toEqual({ provider: "cuda", devices: [0] });
  });
  test.each([
    ["2", [0]],
    ["GPU-8932f937, 1", [0, 1]],
    ["1,-1,0", [0]],
    ["0,1,2,3,4", [0, 1, 2]],
  ] as const)("CUDA_VISIBLE_DEVICES=%s", (visible, devices) => {
    expect(findGpus("auto", machine(NVIDIA, true, visible))).toEqual({ provider: "cuda", devices });
  });
  test("is WebGPU where a render node is, else none, and says why", () => {
    expect(findGpus("auto", machine(["dri/renderD128", ...NVIDIA], false))).toEqual({
      provider: "webgpu",
      devices: [0],
    });
    expect(findGpus("auto", machine(["dri/card0"], true)).missing).toMatch(/^none was found\. Write `kind: KIND_CPU`/);
    expect(findGpus("auto", machine(NVIDIA, false)).missing).toContain("but not ONNX Runtime's CUDA provider");
    expect(findGpus("auto", machine(NVIDIA, true, ""))).toMatchObject({ provider: undefined, devices: [] });
  });
});

test("a choice is taken at its word", () => {
  expect(findGpus("webgpu", machine([], false))).toEqual({ provider: "webgpu", devices: [0] });
  expect(findGpus("cuda", machine([], false))).toEqual({ provider: "cuda", devices: [0] });
  expect(findGpus("none", machine(NVIDIA, true))).toMatchObject({ provider: undefined, devices: [] });
  expect(findGpus("none", machine(NVIDIA, true)).onCpu).toBeUndefined();
  expect(findGpus("cpu", machine(NVIDIA, true))).toEqual({ provider: undefined, devices: [], onCpu: true });
});

test("with mocks, a missing GPU and a graphics device become the CPU; what is chosen stays", () => {
  const cpu = { provider: undefined, devices: [], onCpu: true };
  expect(findGpusOrCpu("auto", machine([], false))).toEqual(cpu);
  expect(findGpusOrCpu("auto", machine(["dri/renderD128"], false))).toEqual(cpu);
  expect(findGpusOrCpu("webgpu", machine([], false))).toEqual({ provider: "webgpu", devices: [0] });
  expect(findGpusOrCpu("none", machine([], false)).onCpu).toBeUndefined();
});
test.runIf(process.platform === "linux")("with mocks, CUDA stays where it is usable", () => {
  expect(findGpusOrCpu("auto", machine(NVIDIA, true))).toEqual({ provider: "cuda", devices: [0, 1, 2] });
});

// ONNX Runtime 1.30's texts on a machine without a device, and without the library.
test.each([
  [
    "adapter_result.status == wgpu::RequestAdapterStatus::Success was false. Failed to get a WebGPU adapter: No supported adapters",
    "mesa-vulkan-drivers",
  ],
  ["OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library", "docs/guides/gpus.md"],
])("%s: the way out", (message, way) => {
  expect(providerAdvice(message)).toContain(way);
  expect(providerAdvice("Invalid rank for input: x")).toBeUndefined();
});
