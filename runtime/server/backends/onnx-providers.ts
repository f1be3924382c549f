/**
 * The device of an ONNX model's instance: its group's kind and the execution accelerators of the configuration → ONNX Runtime's providers,
 * best first. The CPU runs operators that a provider can't run.
 */
import type { InferenceSession } from "onnxruntime-node";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { invalid, unsupported } from "../../base/errors.js";
import type { Gpus } from "../models/gpus.js";
import type { Instance } from "../scheduling/instance-groups.js";
import { tensorrtOptions } from "./tensorrt-options.js";
import { webgpuOptions } from "./webgpu-options.js";

export type Providers = NonNullable<InferenceSession.SessionOptions["executionProviders"]>;

/** Accelerators for a group on GPUs, by the provider that the server found. */
const ACCELERATORS = { cuda: ["tensorrt", "cuda"], webgpu: ["webgpu"] } as const;

/** @throws RuntimeFault for an accelerator that is not there, and for options of one that can't be set */
export function providersOf(config: ModelConfig, { kind, device = 0 }: Instance, { provider }: Gpus): Providers {
  if (kind === "cpu" || !provider) return ["cpu"];
  const accelerators = config.optimization?.execution_accelerators?.gpu_execution_accelerator ?? [];
  const there: readonly string[] = ACCELERATORS[provider];
  for (const { name } of accelerators)
    if (!there.includes(name))
      throw invalid(
        `unknown Execution Accelerator '${name}' is requested; this server's GPUs run by ${provider}, which takes: ${there.join(", ")}. \`--gpu cpu\` runs the model on the CPU, without accelerators`,
      );
  if (provider === "webgpu") return [webgpuOptions(Object.assign({}, ...accelerators.map(a => a.parameters))), "cpu"];
  for (const { name, parameters } of accelerators) {
    const options = name === "tensorrt" ? tensorrtOptions(parameters) : parameters;
    const [option] = Object.keys(options);
    // onnxruntime-node hands on the device alone; a precision other than the requested one would go unnoticed.
    if (option !== undefined)
      throw unsupported(
        `the ${name} accelerator is given \`${option}\`, and onnxruntime-node can set no option of it but the device. Leave its parameters out, or serve this model with Triton.`,
      );
  }
  const cuda = { name: "cuda", deviceId: device } as const;
  const tensorrt = accelerators.some(({ name }) => name === "tensorrt");
  return tensorrt ? [{ name: "tensorrt", deviceId: device }, cuda, "cpu"] : [cuda, "cpu"];
}

/** ONNX Runtime's words for a device or a library that it lacks → what to do about it; nothing for other faults. */
export function providerAdvice(message: string): string | undefined {
  if (/WebGPU adapter|WebGPU device/.test(message))
    return "No device answers by Vulkan, Metal or Direct3D: install its driver (Debian's mesa-vulkan-drivers has a software device), or write `kind: KIND_CPU`.";
  if (/Failed to load (shared )?library|CUDA failure|CUDA driver/.test(message))
    return "ONNX Runtime's CUDA provider, or a library that it needs, is missing: see the previous lines of the log and docs/guides/gpus.md. `kind: KIND_CPU` needs none.";
  return undefined;
}
