/**
 * Which GPUs models may run on: CUDA where ONNX Runtime's provider library and a device are there, else whatever its WebGPU provider, which ships
 * with it, finds by Vulkan, Metal or Direct3D. A software device is one only for those who ask for `webgpu`.
 */
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

export type GpuChoice = "auto" | "none" | "cuda" | "webgpu";

export interface Gpus {
  /** ONNX Runtime's provider; none without a GPU. */
  readonly provider: "cuda" | "webgpu" | undefined;
  /** Device ids that an instance group may name. */
  readonly devices: readonly number[];
}

export const NO_GPUS: Gpus = { provider: undefined, devices: [] };
const WEBGPU: Gpus = { provider: "webgpu", devices: [0] };

export function findGpus(choice: GpuChoice): Gpus {
  switch (choice) {
    case "none":
      return NO_GPUS;
    case "webgpu":
      return WEBGPU;
    case "cuda":
      return { provider: "cuda", devices: cudaDevices().length > 0 ? cudaDevices() : [0] };
    default: {
      const devices = cudaDevices();
      if (devices.length > 0 && hasCudaProvider()) return { provider: "cuda", devices };
      return hasGraphicsDevice() ? WEBGPU : NO_GPUS;
    }
  }
}

const entries = (folder: string): readonly string[] => (existsSync(folder) ? readdirSync(folder) : []);

const cudaDevices = (): number[] =>
  entries("/dev").flatMap(name => {
    const device = /^nvidia(\d+)$/.exec(name)?.[1];
    return device === undefined ? [] : [Number(device)];
  });

/** On Linux a device has a render node; macOS and Windows have a graphics interface of their own. */
const hasGraphicsDevice = (): boolean =>
  process.platform !== "linux" || entries("/dev/dri").some(name => name.startsWith("renderD"));

/** The npm package brings the CUDA provider only where its install script fetched it. */
function hasCudaProvider(): boolean {
  const main = createRequire(import.meta.url).resolve("onnxruntime-node");
  const bin = join(dirname(dirname(main)), "bin");
  return entries(bin).some(api =>
    existsSync(join(bin, api, process.platform, process.arch, "libonnxruntime_providers_cuda.so")),
  );
}
