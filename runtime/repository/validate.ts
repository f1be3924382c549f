/**
 * The rules a normalised configuration must keep: configuration → nothing, or a fault with Triton's text.
 */
import type { ModelConfig, ModelInput, ModelOutput } from "../../triton-protos/model-config.js";
import { RuntimeFault } from "../errors.js";

const refuse = (text: string): never => {
  throw new RuntimeFault("INVALID_ARGUMENT", text);
};

/** Rules checked when the model is found: a breach means that the model can't be polled. */
export function validateModel(config: ModelConfig): void {
  const { name, max_batch_size: max, dynamic_batching: dynamic } = config;
  if (!name) refuse("model configuration must specify 'name'");
  if (config.platform === "ensemble" || config.ensemble_scheduling) {
    if (config.platform !== "ensemble")
      refuse(`ensemble scheduling cannot be set for model '${name}' whose platform is not ensemble`);
  }
  if (max < 0) refuse(`'max_batch_size' must be non-negative value for ${name}`);
  const expected: Readonly<Record<string, string>> = {
    onnxruntime: "onnxruntime_onnx",
    tensorrt: "tensorrt_plan",
    pytorch: "pytorch_libtorch",
  };
  if (config.platform && config.platform !== "ensemble" && expected[config.backend] !== config.platform)
    refuse(
      config.backend
        ? `unexpected 'platform' and 'backend' pair, got:${config.platform}, ${config.backend}`
        : `unexpected platform type '${config.platform}' for ${name}`,
    );
  if (!dynamic) return;
  for (const size of dynamic.preferred_batch_size) {
    if (size <= 0) refuse(`dynamic batching preferred size must be positive for ${name}`);
    if (size > max) refuse(`dynamic batching preferred size must be <= max batch size for ${name}`);
  }
  const levels = dynamic.priority_levels;
  if (levels > 0 && (dynamic.default_priority_level < 1 || dynamic.default_priority_level > levels))
    refuse(`default priority level must be in range [1, ${levels}] for ${name}`);
  for (const level of Object.keys(dynamic.priority_queue_policy))
    if (Number(level) < 1 || Number(level) > levels)
      refuse(`priority queue policy must have priority level in range [1, ${levels}] for ${name}`);
  if (dynamic.preserve_ordering && levels > 1)
    refuse(`Only one priority level is allowed when 'preserve_ordering' is true for ${name}`);
}

/** Rules checked when a version is loaded: a breach makes the version unavailable. */
export function validateVersion(config: ModelConfig): void {
  for (const input of config.input) validateTensor("input", input, config);
  for (const output of config.output) validateTensor("output", output, config);
  for (const group of config.instance_group) {
    if (group.kind === "KIND_GPU")
      refuse(`instance group ${group.name} of model ${config.name} has kind KIND_GPU but server does not support GPUs`);
    if (group.kind === "KIND_CPU" && group.gpus.length > 0)
      refuse(`instance group ${group.name} of model ${config.name} has kind KIND_CPU but specifies one or more GPUs`);
  }
}

function validateTensor(side: "input" | "output", tensor: ModelInput | ModelOutput, config: ModelConfig): void {
  const what = `model ${side} '${tensor.name}'`;
  if (!tensor.name) refuse(`model ${side} must specify 'name' for ${config.name}`);
  if (tensor.data_type === "TYPE_INVALID") refuse(`${what} must specify 'data_type' for ${config.name}`);
  const { dims, reshape } = tensor;
  if (dims.length === 0 && !reshape) refuse(`${what} must specify 'dims' for ${config.name}`);
  if (dims.some(dim => dim < 1 && dim !== -1))
    refuse(`${what} dimension must be integer >= 1, or -1 to indicate a variable-size dimension for ${config.name}`);
  if (!reshape) return;
  const { shape } = reshape;
  if (shape.length === 0 && config.max_batch_size === 0)
    refuse(
      `${what} cannot have empty reshape for non-batching model as scalar tensors are not supported for ${config.name}`,
    );
  if (shape.some(dim => dim < 1 && dim !== -1))
    refuse(
      `${what} reshape dimensions must be integer >= 1, or -1 to indicate a variable-size dimension for ${config.name}`,
    );
  const size = (list: readonly number[]): number => list.reduce((n, dim) => (dim === -1 ? n : n * dim), 1);
  const variable = (list: readonly number[]): number => list.filter(dim => dim === -1).length;
  if (variable(dims) !== variable(shape))
    refuse(`${what} has different number of variable-size dimensions for dims and reshape for ${config.name}`);
  if (size(dims) !== size(shape)) refuse(`${what} has different size for dims and reshape for ${config.name}`);
}
