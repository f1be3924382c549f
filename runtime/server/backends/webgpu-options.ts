/**
 * Parameters of the `webgpu` accelerator → options of ONNX Runtime's WebGPU provider, under the names that it has for them. Triton has no such
 * accelerator.
 */
import type { InferenceSession } from "onnxruntime-node";
import { invalid } from "../../base/errors.js";

type WebGpu = InferenceSession.WebGpuExecutionProviderOption;

const CACHES = ["disabled", "lazyRelease", "simple", "bucket"];

/** Options with the values that they take; none where that is a list of names. */
const OPTIONS: Readonly<Record<string, readonly string[] | undefined>> = {
  preferredLayout: ["NCHW", "NHWC"],
  forceCpuNodeNames: undefined,
  validationMode: ["disabled", "wgpuOnly", "basic", "full"],
  enableRobustness: ["true", "false"],
  storageBufferCacheMode: CACHES,
  uniformBufferCacheMode: CACHES,
  queryResolveBufferCacheMode: CACHES,
  defaultBufferCacheMode: CACHES,
};

/** @param parameters lists are separated by commas @throws RuntimeFault for a parameter or a value that is none */
export function webgpuOptions(parameters: Readonly<Record<string, string>>): WebGpu {
  const options = Object.entries(parameters).map(([name, value]) => [name, readOption(name, value)] as const);
  return { ...Object.fromEntries(options), name: "webgpu" };
}

function readOption(name: string, value: string): string | boolean | readonly string[] {
  if (!Object.hasOwn(OPTIONS, name))
    throw invalid(
      `unknown parameter '${name}' is provided for webgpu Execution Accelerator, which takes ${Object.keys(OPTIONS).join(", ")}`,
    );
  const values = OPTIONS[name];
  if (!values) return value.split(",").map(part => part.trim());
  if (!values.includes(value))
    throw invalid(`parameter '${name}' of webgpu Execution Accelerator is '${value}'; it takes ${values.join(", ")}`);
  return name === "enableRobustness" ? value === "true" : value;
}
