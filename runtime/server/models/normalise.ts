/**
 * A configuration as written → the one that is served: defaults filled in, backend and platform inferred from each other or from files.
 */

import type { ModelConfig, ModelInstanceGroup } from "../../../triton-protos/model-config.js";
import { invalid } from "../../base/errors.js";
import { type Gpus, NO_GPUS } from "./gpus.js";

/** Platform names of backends that have one. */
const PLATFORMS: ReadonlyMap<string, string> = new Map([
  ["onnxruntime", "onnxruntime_onnx"],
  ["tensorrt", "tensorrt_plan"],
  ["pytorch", "pytorch_libtorch"],
]);
/** File in the version folder that identifies a backend, and the default model file of that backend. */
const FILES: ReadonlyMap<string, string> = new Map([
  // In Triton's order: with several files the first one counts.
  ["tensorrt", "model.plan"],
  ["onnxruntime", "model.onnx"],
  ["pytorch", "model.pt"],
  ["openvino", "model.xml"],
  ["python", "model.py"],
  ["javascript", "model.mjs"],
]);
/**
 * Instances of a group that does not say how many, where that is not one. Kernels of a plan are re-entrant, so requests of a `merlon` model
 * need not wait for each other. ONNX Runtime's two are those of the CPU, as in Triton.
 */
const INSTANCES: ReadonlyMap<string, number> = new Map([
  ["onnxruntime", 2],
  ["merlon", 64],
]);

export interface NormaliseOptions {
  readonly gpus?: Gpus | undefined;
  /** The backend of a model that names none and has no file that implies one. */
  readonly assume?: string | undefined;
}

/**
 * Fills in name, backend, platform, default file, version policy, pinned memory and instance groups.
 * @param files names in the first version folder
 * @throws RuntimeFault when no backend can be found out
 */
export function normaliseConfig(
  written: ModelConfig,
  name: string,
  files: readonly string[],
  { gpus = NO_GPUS, assume }: NormaliseOptions = {},
): ModelConfig {
  const config = withBackend({ ...written, name: written.name || name }, name, files, assume);
  const latest = { latest: { num_versions: 1 } };
  // A policy that is there but empty serves every version, and is shown empty.
  const version_policy = config.version_policy ?? latest;
  if (config.platform === "ensemble") return { ...withoutNamespaces(config), version_policy };
  return fillSchedulers({
    ...config,
    version_policy,
    optimization: {
      priority: "PRIORITY_DEFAULT",
      gather_kernel_buffer_threshold: 0,
      eager_batching: false,
      ...config.optimization,
      input_pinned_memory: config.optimization?.input_pinned_memory ?? { enable: true },
      output_pinned_memory: config.optimization?.output_pinned_memory ?? { enable: true },
    },
    instance_group: instanceGroups(config, gpus),
  });
}

/** Defaults of the schedulers; the preferred size follows `max_batch_size`, which a backend may fill in later. */
export function fillSchedulers(config: ModelConfig): ModelConfig {
  const { max_batch_size: max, dynamic_batching: dynamic, sequence_batching: sequence } = config;
  const preferred = (sizes: readonly number[]): readonly number[] => (sizes.length > 0 || max === 0 ? sizes : [max]);
  return {
    ...config,
    ...(dynamic && {
      dynamic_batching: { ...dynamic, preferred_batch_size: preferred(dynamic.preferred_batch_size) },
    }),
    ...(sequence && {
      sequence_batching: {
        ...sequence,
        max_sequence_idle_microseconds: sequence.max_sequence_idle_microseconds || 1_000_000,
        ...(sequence.oldest && {
          oldest: { ...sequence.oldest, preferred_batch_size: preferred(sequence.oldest.preferred_batch_size) },
        }),
      },
    }),
  };
}

function withBackend(
  config: ModelConfig,
  folder: string,
  files: readonly string[],
  assume: string | undefined,
): ModelConfig {
  let { backend, platform, default_model_filename } = config;
  if (platform === "ensemble") return config;
  if (!backend)
    backend = platform.startsWith("tensorflow_")
      ? "tensorflow"
      : // A file's name counts beside an unknown platform too, which is then named with the backend.
        (keyOf(PLATFORMS, platform) ?? keyOf(FILES, default_model_filename) ?? "");
  const byName = config.name.includes(".") ? config.name.slice(config.name.indexOf(".") + 1) : "";
  // Triton does so without auto-completion, too.
  if (!backend && !platform) {
    backend =
      [...FILES].find(([, file]) => files.includes(file))?.[0] ??
      (files.includes("model.savedmodel") || files.includes("model.graphdef")
        ? "tensorflow"
        : files.includes("model.pt2")
          ? "pytorch"
          : files.includes("plan.json")
            ? "merlon"
            : byName);
    if (backend && backend === byName) default_model_filename ||= `model.${backend}`;
    backend ||= assume ?? "";
  }
  if (!backend && !platform && !config.name.includes(".") && !default_model_filename)
    throw invalid(
      `Invalid model name: Could not determine backend for model '${folder}' with no backend in model configuration. Expected model name of the form 'model.<backend_name>'.`,
    );
  if (backend === "tensorflow" && !config.backend && !platform)
    platform = files.includes("model.graphdef") ? "tensorflow_graphdef" : "tensorflow_savedmodel";
  platform ||= PLATFORMS.get(backend) ?? "";
  default_model_filename ||= FILES.get(backend) ?? "";
  return { ...config, backend, platform, default_model_filename };
}

const keyOf = (map: ReadonlyMap<string, string>, value: string): string | undefined =>
  [...map].find(([, its]) => its === value)?.[0];

/** If the author leaves it to the server, a graph runs on CUDA; WebGPU must be requested. */
function instanceGroups(config: ModelConfig, there: Gpus): readonly ModelInstanceGroup[] {
  const automatic = there.provider === "cuda" && config.backend === "onnxruntime" ? "KIND_GPU" : "KIND_CPU";
  const kindOf = (written: ModelInstanceGroup | undefined): ModelInstanceGroup["kind"] =>
    !written || written.kind === "KIND_AUTO" ? automatic : written.kind;
  const countOf = (kind: ModelInstanceGroup["kind"], written: ModelInstanceGroup | undefined): number => {
    if (written && written.count > 0) return written.count;
    if (kind === "KIND_MODEL" || (kind === "KIND_GPU" && config.backend === "onnxruntime")) return 1;
    return INSTANCES.get(config.backend) ?? 1;
  };
  const group = (name: string, written?: ModelInstanceGroup): ModelInstanceGroup => {
    const kind = kindOf(written);
    const named = written?.gpus ?? [];
    return {
      secondary_devices: [],
      profile: [],
      passive: false,
      host_policy: "",
      ...written,
      kind,
      // A group on GPUs that names none has them all.
      gpus: kind === "KIND_GPU" && named.length === 0 ? there.devices : named,
      name: written?.name || name,
      count: countOf(kind, written),
    };
  };
  if (config.instance_group.length === 0) return [group(config.name)];
  return config.instance_group.map((written, i) => group(`${config.name}_${i}`, written));
}

/** A step's namespace means nothing where names are unique, and is shown empty. */
const withoutNamespaces = (config: ModelConfig): ModelConfig =>
  config.ensemble_scheduling
    ? {
        ...config,
        ensemble_scheduling: {
          ...config.ensemble_scheduling,
          step: config.ensemble_scheduling.step.map(step => ({ ...step, model_namespace: "" })),
        },
      }
    : config;
