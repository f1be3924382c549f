/**
 * Checks the GPUs of `KIND_GPU`: the parts of CUDA and WebGPU, and whether a graph of one node runs on each.
 */
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { printOnnxModel } from "../../formats/onnx/onnx-model.js";
import { KERNEL_FILES } from "../../runtime/base/control-group.js";
import { providerAdvice } from "../../runtime/server/backends/onnx-providers.js";
import { inChild } from "./child.js";
import { cudaFindings } from "./cuda.js";
import type { Finding } from "./finding.js";
import { libraryFinder } from "./libraries.js";
import { QUIET } from "./native-parts.js";

/** A first session on a device compiles its kernels. */
const TRIAL_MS = 120_000;
const DEV = "/dev";
const VULKAN = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"];

/** `y = x + x`, and its output for 1 and 2. */
const MODEL = {
  name: "trial",
  opsets: { "": 14 },
  inputs: [{ name: "x", dtype: "float32", shape: ["n"] }],
  outputs: [{ name: "y", dtype: "float32", shape: ["n"] }],
  nodes: [{ op: "Add", inputs: ["x", "x"], outputs: ["y"] }],
} as const;

const TRIAL = `
const ort = require(args[0]);
const session = await ort.InferenceSession.create(Buffer.from(args[1], "base64"), { executionProviders: [args[2]] });
const { y } = await session.run({ x: new ort.Tensor("float32", [1, 2], [2]) });
return [...y.data];`;

/** @param from the module whose onnxruntime-node is meant */
export async function gpuFindings(from: string = import.meta.url): Promise<readonly Finding[]> {
  const module = resolved(from);
  const native = module && join(dirname(dirname(module)), "bin", "napi-v6", process.platform, process.arch);
  const cuda =
    process.platform === "linux"
      ? cudaFindings({ env: process.env, dev: DEV, proc: KERNEL_FILES.proc, native, find: libraryFinder() })
      : [];
  const hasProvider = cuda.some(({ name, state }) => name === "CUDA provider" && state === "ok");
  const trials = await Promise.all([
    hasProvider ? trial("cuda", module) : skipped("cuda", module, "ONNX Runtime's CUDA provider is not installed"),
    trial("webgpu", module),
  ]);
  return [...cuda, ...(process.platform === "linux" ? [vulkan()] : []), ...trials];
}

function resolved(from: string): string | undefined {
  try {
    return createRequire(from).resolve("onnxruntime-node");
  } catch {
    return undefined;
  }
}

const NO_RUNTIME = "onnxruntime-node is not installed";

const skipped = (name: string, module: string | undefined, found: string): Finding => ({
  section: "GPU",
  name,
  state: "absent",
  found: module === undefined ? NO_RUNTIME : found,
});

function vulkan(): Finding {
  const common = { section: "GPU", name: "Vulkan" } as const;
  const list = (folder: string): readonly string[] => (existsSync(folder) ? readdirSync(folder) : []);
  const nodes = list(join(DEV, "dri")).filter(name => name.startsWith("renderD"));
  const drivers = VULKAN.flatMap(list).filter(name => name.endsWith(".json"));
  const details = { renderNodes: nodes, drivers };
  const fix = "apt-get install mesa-vulkan-drivers installs a software device; the vendor of a GPU provides its driver";
  if (drivers.length === 0) return { ...common, state: "absent", found: "no driver", fix, details };
  const found = `${nodes.join(", ") || "no render node in /dev/dri"}; drivers: ${drivers.map(name => name.replace(/\.json$/, "")).join(", ")}`;
  return { ...common, state: "ok", found, details };
}

async function trial(provider: "cuda" | "webgpu", module: string | undefined): Promise<Finding> {
  if (module === undefined) return skipped(provider, module, "");
  const common = { section: "GPU", name: provider } as const;
  const model = Buffer.from(printOnnxModel(MODEL)).toString("base64");
  const outcome = await inChild(TRIAL, [module, model, provider], { env: QUIET, longestMs: TRIAL_MS });
  if ("error" in outcome) {
    const { message } = outcome.error;
    return { ...common, state: "broken", found: message.split("\n")[0]!, fix: providerAdvice(message) };
  }
  if (String(outcome.value) !== "2,4")
    return { ...common, state: "broken", found: `1 + 1 and 2 + 2 are ${String(outcome.value)} there` };
  return { ...common, state: "ok", found: "a model runs" };
}
