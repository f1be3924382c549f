/**
 * Checks CUDA: a device and its driver, ONNX Runtime's provider, and the libraries that the provider needs.
 */
import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type KernelFiles, readText } from "../../runtime/base/control-group.js";
import { elfNeeds } from "./elf-needs.js";
import type { Finding } from "./finding.js";
import type { FindLibrary } from "./libraries.js";

/** Libraries that the provider of onnxruntime-node 1.30 needs, for machines without the provider. */
const CUDA_12 = [
  "libcublasLt.so.12",
  "libcublas.so.12",
  "libcurand.so.10",
  "libcufft.so.11",
  "libcudart.so.12",
  "libcudnn.so.9",
];
/** NVIDIA's minor version compatibility: the first driver of each CUDA. */
const LEAST_DRIVER: Readonly<Record<string, number>> = { "12": 525, "13": 580 };
const PROVIDER = "libonnxruntime_providers_cuda.so";
const INSTALL = "ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install.js";

/** NVIDIA's packages of the newest minor version that each major one is built against. */
const PACKAGES: Readonly<Record<string, string>> = { "12": "cuda-libraries-12-9", "13": "cuda-libraries-13-0" };

export interface CudaPlaces extends Pick<KernelFiles, "proc"> {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly dev: string;
  /** Folder of onnxruntime-node's native part; undefined if it is not installed. */
  readonly native: string | undefined;
  readonly find: FindLibrary;
}

export function cudaFindings(places: CudaPlaces): readonly Finding[] {
  const provider = places.native === undefined ? undefined : join(places.native, PROVIDER);
  const isThere = provider !== undefined && existsSync(provider);
  const needs = (isThere ? elfNeeds(provider) : undefined)?.filter(name => /^lib(?:cu|nv)/.test(name));
  const libraries = needs ?? CUDA_12;
  const cuda = /^libcudart\.so\.(\d+)/.exec(libraries.find(name => name.startsWith("libcudart")) ?? "")?.[1] ?? "12";
  return [
    device(places),
    driver(places, cuda),
    isThere
      ? { section: "GPU", name: "CUDA provider", state: "ok", found: provider }
      : {
          section: "GPU",
          name: "CUDA provider",
          state: "absent",
          found: `${PROVIDER} is not installed`,
          fix: installFix(places),
        },
    librariesOf(
      "CUDA libraries",
      libraries.filter(name => !isCudnn(name)),
      places,
      `apt-get install ${PACKAGES[cuda] ?? "cuda-libraries"}`,
      cuda,
    ),
    librariesOf(
      "cuDNN",
      libraries.some(isCudnn) ? libraries.filter(isCudnn) : ["libcudnn.so.9"],
      places,
      `apt-get install libcudnn9-cuda-${cuda}`,
      cuda,
    ),
  ];
}
const isCudnn = (name: string): boolean => name.startsWith("libcudnn");

function installFix({ native }: CudaPlaces): string {
  if (native === undefined) return "install onnxruntime-node first";
  if (process.platform === "linux" && process.arch === "x64") return INSTALL;
  return "onnxruntime-node has it for Linux x64 only; `--gpu webgpu` is the way here";
}

function device({ dev, proc, env }: CudaPlaces): Finding {
  const common = { section: "GPU", name: "NVIDIA device" } as const;
  const files = existsSync(dev) ? readdirSync(dev).filter(name => /^nvidia\d+$/.test(name)) : [];
  const visible = env.CUDA_VISIBLE_DEVICES;
  const hidden = visible === undefined ? "" : `; CUDA_VISIBLE_DEVICES=${visible}`;
  if (files.length > 0) {
    const models = modelsOf(join(proc, "driver/nvidia/gpus"));
    const found = `${models.join(", ") || files.join(", ")}${hidden}`;
    return { ...common, state: "ok", found, details: { devices: files, models } };
  }
  if (existsSync(join(dev, "dxg"))) return { ...common, state: "ok", found: `that of Windows (WSL)${hidden}` };
  const fix = "in a container: `docker run --gpus all` with NVIDIA's container toolkit on the host";
  return { ...common, state: "absent", found: `no ${join(dev, "nvidia*")}`, fix };
}

function modelsOf(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap(
    gpu => /^Model:\s*(.+)$/m.exec(readText(join(folder, gpu, "information")) ?? "")?.[1] ?? [],
  );
}

function driver({ proc, find }: CudaPlaces, cuda: string): Finding {
  const common = { section: "GPU", name: "NVIDIA driver" } as const;
  const version = /\b(\d{3,}\.\d+(?:\.\d+)?)\b/.exec(readText(join(proc, "driver/nvidia/version")) ?? "")?.[1];
  const library = find("libcuda.so.1");
  const fix = "install NVIDIA's driver on the host; a container gets its libcuda.so.1 by `--gpus all`";
  if (!library)
    return { ...common, state: "absent", found: `${version ?? "none"}${version ? ", and no libcuda.so.1" : ""}`, fix };
  const least = LEAST_DRIVER[cuda] ?? 0;
  if (version !== undefined && Number(version.split(".")[0]) < least)
    return {
      ...common,
      state: "broken",
      found: `${version} is too old for CUDA ${cuda}`,
      fix: `install driver ${least} or newer`,
    };
  return {
    ...common,
    state: "ok",
    found: `${version ?? "version unknown"}, ${library.path}`,
    details: { version: version ?? "" },
  };
}

function librariesOf(
  name: string,
  names: readonly string[],
  { native, find }: CudaPlaces,
  install: string,
  cuda: string,
): Finding {
  const common = { section: "GPU", name } as const;
  const places = names.map(one => [one, find(one, native === undefined ? [] : [native])] as const);
  const missing = places.flatMap(([one, library]) => (library ? [] : [one]));
  const details = { needed: names, missing };
  if (missing.length > 0) {
    const fix = `${install}, from NVIDIA's repository, or an image of nvidia/cuda:${cuda}.* with cudnn-runtime`;
    return { ...common, state: "absent", found: `missing: ${missing.join(", ")}`, fix, details };
  }
  const unsearched = [
    ...new Set(places.flatMap(([, library]) => (library && !library.isSearched ? [dirname(library.path)] : []))),
  ];
  if (unsearched.length > 0) {
    const fix = `export LD_LIBRARY_PATH=${unsearched.join(":")}`;
    return {
      ...common,
      state: "broken",
      found: `in ${unsearched.join(", ")}, where the loader does not look`,
      fix,
      details,
    };
  }
  return { ...common, state: "ok", found: places.map(([, library]) => basename(library!.path)).join(", "), details };
}
