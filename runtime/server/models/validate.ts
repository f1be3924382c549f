/**
 * The rules of a normalized configuration: configuration → nothing, or a fault with Triton's text.
 */

import type { ModelConfig, ModelInput, ModelInstanceGroup, ModelOutput } from "../../../triton-protos/model-config.js";
import { internal, RuntimeFault, refuse } from "../../base/errors.js";
import type { Gpus } from "./gpus.js";
import { validateBatchIo } from "./validate-batch-io.js";
import { validateEnsemble } from "./validate-ensemble.js";
import { validateSequenceBatching } from "./validate-sequence.js";

/** The rules of a dynamic batcher: configuration → nothing, or a fault with Triton's text. */
function validateDynamicBatching(config: ModelConfig): void {
  const { name, max_batch_size: max, dynamic_batching: dynamic } = config;
  if (!dynamic) return;
  for (const size of dynamic.preferred_batch_size) {
    if (size <= 0) refuse(`dynamic batching preferred size must be positive for ${name}`);
    if (size > max) refuse(`dynamic batching preferred size must be <= max batch size for ${name}`);
  }
  const levels = dynamic.priority_levels;
  const policies = Object.entries(dynamic.priority_queue_policy);
  if (levels > 0) {
    if (dynamic.default_priority_level < 1 || dynamic.default_priority_level > levels)
      refuse(`default priority level must be in range [1, ${levels}] for ${name}`);
    for (const [level] of policies)
      if (Number(level) < 1 || Number(level) > levels)
        refuse(`priority queue policy must have priority level in range [1, ${levels}] for ${name}`);
  }
  if (!dynamic.preserve_ordering) return;
  if (levels > 1) refuse(`Only one priority level is allowed when 'preserve_ordering' is true for ${name}`);
  const delays = [dynamic.default_queue_policy, ...policies.map(([, policy]) => policy)].some(
    policy => policy?.timeout_action === "DELAY" && policy.default_timeout_microseconds > 0,
  );
  if (delays) refuse(`Queue policy can not have DELAY as timeout action when 'preserve_ordering' is true for ${name}`);
}

/** Platforms of the backends that have them; other backends take any. */
const PLATFORMS: ReadonlyMap<string, readonly string[]> = new Map([
  ["onnxruntime", ["onnxruntime_onnx"]],
  ["tensorrt", ["tensorrt_plan"]],
  ["pytorch", ["pytorch_libtorch"]],
  ["tensorflow", ["tensorflow_graphdef", "tensorflow_savedmodel"]],
]);

/** Rules checked when the model is found: a breach means that the model can't be polled. */
export function validateModel(config: ModelConfig): void {
  const { name, max_batch_size: max, backend, platform } = config;
  if (!name) refuse("model configuration must specify 'name'");
  if (platform === "ensemble") validateEnsemble(config);
  else {
    if (config.ensemble_scheduling)
      refuse(`ensemble scheduling cannot be set for model '${name}' whose platform is not ensemble`);
    if (!backend) refuse(`unexpected platform type '${platform}' for ${name}`);
    const platforms = PLATFORMS.get(backend);
    if (platforms && !platforms.includes(platform))
      refuse(`unexpected 'platform' and 'backend' pair, got:${platform}, ${backend}`);
  }
  if (max < 0) refuse(`'max_batch_size' must be non-negative value for ${name}`);
  validateDynamicBatching(config);
  validateSequenceBatching(config);
  validateCache(config);
  for (const { metric_identifier, histogram_options } of config.model_metrics?.metric_control ?? []) {
    if (!metric_identifier) refuse("metric control must specify 'metric_identifier'");
    if (!metric_identifier?.family) refuse("metric identifier must specify non-empty 'family'");
    if (!histogram_options) refuse("metric control must specify 'histogram_options'");
    if (histogram_options?.buckets.length === 0) refuse("histogram options must specify non-empty 'buckets'");
  }
  for (const agent of config.model_repository_agents?.agents ?? [])
    refuse(
      `unable to find 'libtritonrepoagent_${agent.name}.so' for repo agent '${agent.name}', searched: /opt/tritonserver/repoagents`,
    );
}

/** Triton's words, and for the log alone, which clients do not compare: why there is none, and the way out. */
export class NoGpu extends RuntimeFault {
  constructor(
    message: string,
    readonly hint: string | undefined,
  ) {
    super("INVALID_ARGUMENT", message);
  }
}

/** A fault of one version; other faults of an ensemble are those of the whole model. */
export class VersionFault extends RuntimeFault {}

/** An ensemble is decoupled if a member is, so it is validated again once its members are loaded. @throws VersionFault */
export function validateCache({
  name,
  response_cache,
  sequence_batching,
  model_transaction_policy,
}: ModelConfig): void {
  if (!response_cache?.enable) return;
  const against = (what: string): never => {
    throw new VersionFault(
      "INVALID_ARGUMENT",
      `Response Cache does not currently support model ${name} with ${what}. Please disable the response cache.`,
    );
  };
  if (sequence_batching) against("sequence batching scheduler");
  if (model_transaction_policy?.decoupled) against("'decoupled' transaction policy");
}

/** Rules checked when a version is loaded: a breach makes the version unavailable. */
/** @param gpus those of the server; undefined if the model needs none, whatever its groups say */
export function validateVersion(config: ModelConfig, gpus: Gpus | undefined): void {
  if (config.platform === "ensemble") return;
  validateTensors(config);
  if (gpus) for (const group of config.instance_group) validateGroup(group, config.name, gpus);
}

/** The rules of inputs and outputs. @throws RuntimeFault */
export function validateTensors(config: ModelConfig): void {
  for (const input of config.input) validateTensor("input", input, config);
  for (const output of config.output) validateTensor("output", output, config);
  validateBatchIo(config);
}

function validateGroup({ name, kind, gpus, profile }: ModelInstanceGroup, model: string, there: Gpus): void {
  const group = `instance group ${name} of model ${model}`;
  if (typeof kind === "number") throw internal(`${group} has unexpected kind KIND_AUTO`);
  if (kind === "KIND_GPU" && !there.onCpu) {
    if (there.devices.length === 0)
      throw new NoGpu(`${group} has kind KIND_GPU but server does not support GPUs`, there.missing);
    const unknown = gpus.find(device => !there.devices.includes(device));
    if (unknown !== undefined)
      refuse(
        `${group} specifies invalid or unsupported gpu id ${unknown}. GPUs with at least the minimum required CUDA compute compatibility of 6.000000 are: ${there.devices.join(", ")}`,
      );
  } else if (kind !== "KIND_GPU" && gpus.length > 0) refuse(`${group} has kind ${kind} but specifies one or more GPUs`);
  if (profile.length > 0)
    refuse(`${group} and platform specifies profile field which is only supported for TensorRT models`);
}

function validateTensor(side: "input" | "output", tensor: ModelInput | ModelOutput, config: ModelConfig): void {
  const what = `model ${side} '${tensor.name}'`;
  if (!tensor.name) refuse(`model ${side} must specify 'name' for ${config.name}`);
  if (tensor.data_type === "TYPE_INVALID") refuse(`${what} must specify 'data_type' for ${config.name}`);
  if (typeof tensor.data_type === "number") throw internal("attempt to access JSON non-string as string");
  if (tensor.is_shape_tensor) refuse(`shape tensors are only supported for TensorRT platform for ${config.name}`);
  if (tensor.is_non_linear_format_io)
    refuse(`Non-linear IO format is only supported for the TensorRT platform for ${config.name}`);
  const { dims, reshape } = tensor;
  if (dims.length === 0 && !reshape) refuse(`${what} must specify 'dims' for ${config.name}`);
  if ("format" in tensor && tensor.format !== "FORMAT_NONE" && dims.length !== 3)
    refuse(`model input NHWC/NCHW require 3 dims for ${config.name}`);
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
  const fault = reshapeFault(dims, shape);
  if (fault) refuse(`${what} has different ${fault} for dims and reshape for ${config.name}`);
}

/** Sizes must agree, and where dimensions vary, also between them. */
function reshapeFault(dims: readonly number[], shape: readonly number[]): string | undefined {
  const segments = (list: readonly number[]): number[] => {
    const sizes = [1];
    for (const dim of list)
      if (dim === -1) sizes.push(1);
      else sizes.push(sizes.pop()! * dim);
    return sizes;
  };
  const [a, b] = [segments(dims), segments(shape)];
  if (a.length > 1 && b.length > 1 && a.length !== b.length) return "number of variable-size dimensions";
  return a.join() === b.join() ? undefined : "size";
}
