/**
 * Where an instance of an ONNX model runs: its group's kind and the execution accelerators of the configuration → ONNX Runtime's providers, best
 * first. What a provider can't run, the CPU does.
 */
import type { InferenceSession } from "onnxruntime-node";
import type { ModelConfig } from "../../triton-protos/model-config.js";
import { RuntimeFault } from "../errors.js";
import type { Gpus } from "../gpus.js";
import type { Instance } from "../scheduling/instance-groups.js";
import { tensorrtOptions } from "./tensorrt-options.js";

export type Providers = NonNullable<InferenceSession.SessionOptions["executionProviders"]>;

/** @throws RuntimeFault for an accelerator that is not there, and for options of one that can't be set */
export function providersOf(config: ModelConfig, { kind, device = 0 }: Instance, { provider }: Gpus): Providers {
  if (kind === "cpu" || !provider) return ["cpu"];
  const accelerators = config.optimization?.execution_accelerators?.gpu_execution_accelerator ?? [];
  for (const { name, parameters } of accelerators) {
    if ((name !== "tensorrt" && name !== "cuda") || provider !== "cuda")
      throw new RuntimeFault("INVALID_ARGUMENT", `unknown Execution Accelerator '${name}' is requested`);
    const options = name === "tensorrt" ? tensorrtOptions(parameters) : parameters;
    const [option] = Object.keys(options);
    // onnxruntime-node hands on the device alone; a precision that was asked for and is another would be found by nobody.
    if (option !== undefined)
      throw new RuntimeFault(
        "UNSUPPORTED",
        `the ${name} accelerator is given \`${option}\`, and onnxruntime-node can set no option of it but the device. Leave its parameters out, or serve this model with Triton.`,
      );
  }
  if (provider === "webgpu") return ["webgpu", "cpu"];
  const cuda = { name: "cuda", deviceId: device } as const;
  const tensorrt = accelerators.some(({ name }) => name === "tensorrt");
  return tensorrt ? [{ name: "tensorrt", deviceId: device }, cuda, "cpu"] : [cuda, "cpu"];
}
