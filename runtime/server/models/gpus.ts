/**
 * The GPUs for models: CUDA if ONNX Runtime's provider library and a device exist. Otherwise the devices of its built-in WebGPU provider
 * (Vulkan, Metal or Direct3D). A software device is used only with `webgpu`.
 */
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

export const GPU_CHOICES = ["auto", "none", "cpu", "cuda", "webgpu"] as const;
export type GpuChoice = (typeof GPU_CHOICES)[number];

export interface Gpus {
  /** ONNX Runtime's provider; none without a GPU. */
  readonly provider: "cuda" | "webgpu" | undefined;
  /** Device ids that an instance group may name. */
  readonly devices: readonly number[];
  /** The reason that there is none, and the fix, for models that require one. */
  readonly missing?: string;
  /** Models that require a GPU run on the CPU instead, without their accelerators. */
  readonly onCpu?: true;
}

/** Search paths; tests have others. */
export interface GpuPlaces {
  /** Folder of device files. */
  readonly dev: string;
  /** Folder of onnxruntime-node's native parts, `API/PLATFORM/ARCHITECTURE`. */
  readonly bin: () => string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const PLACES: GpuPlaces = {
  dev: "/dev",
  bin: () => {
    try {
      return join(dirname(dirname(createRequire(import.meta.url).resolve("onnxruntime-node"))), "bin");
    } catch {
      // The package is optional; a model that needs it says so.
      return "";
    }
  },
  env: process.env,
};

export const NO_GPUS: Gpus = { provider: undefined, devices: [] };
const WEBGPU: Gpus = { provider: "webgpu", devices: [0] };
const ON_CPU: Gpus = { ...NO_GPUS, onCpu: true };

/** For a server of tests and mocks: CUDA where it is usable, otherwise the CPU, so that a repository written for GPUs loads anywhere. */
export function findGpusOrCpu(choice: GpuChoice, places: GpuPlaces = PLACES): Gpus {
  const found = findGpus(choice, places);
  return choice === "auto" && found.provider !== "cuda" ? ON_CPU : found;
}

export function findGpus(choice: GpuChoice, places: GpuPlaces = PLACES): Gpus {
  switch (choice) {
    case "cpu":
      return ON_CPU;
    case "none":
      return { ...NO_GPUS, missing: "they are off, by `--gpu none`" };
    case "webgpu":
      return WEBGPU;
    case "cuda": {
      const devices = cudaDevices(places);
      return { provider: "cuda", devices: devices.length > 0 ? devices : [0] };
    }
    default: {
      const devices = cudaDevices(places);
      const provided = hasCudaProvider(places.bin());
      if (devices.length > 0 && provided) return { provider: "cuda", devices };
      return hasGraphicsDevice(places.dev) ? WEBGPU : { ...NO_GPUS, missing: whyNone(devices.length > 0) };
    }
  }
}

/** Empty where there is no such folder, or Node's permission model hides it. */
function entries(folder: string): readonly string[] {
  try {
    return folder === "" ? [] : readdirSync(folder);
  } catch {
    return [];
  }
}

/** CUDA counts what the process sees from 0, whatever numbers the device files have. */
function cudaDevices({ dev, env }: GpuPlaces): number[] {
  const files = entries(dev).filter(name => /^nvidia\d+$/.test(name));
  const chosen = env.CUDA_VISIBLE_DEVICES?.split(",").map(text => text.trim());
  // As in CUDA: ids after an invalid one are ignored.
  const end = chosen?.findIndex(id => id === "" || id.startsWith("-")) ?? -1;
  const count = chosen ? Math.min(files.length, end === -1 ? chosen.length : end) : files.length;
  return Array.from({ length: count }, (_, i) => i);
}

/** On Linux a device has a render node; macOS and Windows have a graphics interface of their own. */
const hasGraphicsDevice = (dev: string): boolean =>
  process.platform !== "linux" || entries(join(dev, "dri")).some(name => name.startsWith("renderD"));

/** The npm package brings the CUDA provider only where its install script fetched it. */
const hasCudaProvider = (bin: string): boolean =>
  entries(bin).some(api =>
    existsSync(join(bin, api, process.platform, process.arch, "libonnxruntime_providers_cuda.so")),
  );

const whyNone = (cuda: boolean): string =>
  `${cuda ? "there is a CUDA device, but not ONNX Runtime's CUDA provider (see docs/guides/gpus.md)" : "none was found"}. Write \`kind: KIND_CPU\` or \`KIND_AUTO\`, or start with \`--gpu cpu\`, which runs such models on the CPU, or \`--gpu webgpu\`, which takes a software device too`;
