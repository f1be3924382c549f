/**
 * Parameters of Triton's `tensorrt` accelerator → options of ONNX Runtime's TensorRT provider, as Triton's ONNX Runtime backend documents them.
 */
import { invalid } from "../../base/errors.js";

type Kind = "whole" | "integer" | "bool" | "text";

/** Names that are not the option's own. */
const RENAMED: Readonly<Record<string, readonly [option: string, kind: Kind]>> = {
  max_workspace_size_bytes: ["trt_max_workspace_size", "whole"],
  int8_calibration_table_name: ["trt_int8_calibration_table_name", "text"],
  int8_use_native_calibration_table: ["trt_int8_use_native_calibration_table", "bool"],
};

/** Options by the kind of their values. */
const OWN: Readonly<Record<Exclude<Kind, "whole">, readonly string[]>> = {
  integer: [
    "trt_max_partition_iterations",
    "trt_min_subgraph_size",
    "trt_dla_core",
    "trt_builder_optimization_level",
    "trt_auxiliary_streams",
    "trt_ep_context_embed_mode",
  ],
  bool: [
    "trt_dla_enable",
    "trt_engine_cache_enable",
    "trt_dump_subgraphs",
    "trt_force_sequential_engine_build",
    "trt_context_memory_sharing_enable",
    "trt_layer_norm_fp32_fallback",
    "trt_timing_cache_enable",
    "trt_force_timing_cache",
    "trt_detailed_build_log",
    "trt_build_heuristics_enable",
    "trt_sparsity_enable",
    "trt_cuda_graph_enable",
    "trt_dump_ep_context_model",
  ],
  text: [
    "trt_engine_cache_path",
    "trt_engine_cache_prefix",
    "trt_timing_cache_path",
    "trt_tactic_sources",
    "trt_extra_plugin_lib_paths",
    "trt_profile_min_shapes",
    "trt_profile_max_shapes",
    "trt_profile_opt_shapes",
    "trt_ep_context_file_path",
  ],
};

const OPTIONS: ReadonlyMap<string, readonly [option: string, kind: Kind]> = new Map([
  ...Object.entries(RENAMED),
  ...Object.entries(OWN).flatMap(([kind, names]) => names.map(name => [name, [name, kind as Kind]] as const)),
]);

const PRECISIONS: Readonly<Record<string, string | undefined>> = {
  FP16: "trt_fp16_enable",
  BF16: "trt_bf16_enable",
  INT8: "trt_int8_enable",
};

/** The pattern of a value, and Triton's name for it in errors. */
const FORMS: Readonly<Record<Kind, readonly [form: RegExp, called: string]>> = {
  whole: [/^\d+$/, "unsigned long long integral number"],
  integer: [/^[+-]?\d+$/, "integral number"],
  bool: [/^(0|1|true|false)$/i, "boolean"],
  text: [/^/, "text"],
};

/** @throws RuntimeFault with Triton's text for a parameter, a value or a precision that is none */
export function tensorrtOptions(parameters: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const options: Record<string, string> = {};
  for (const [key, value] of Object.entries(parameters)) {
    if (key === "precision_mode") {
      const option = PRECISIONS[value];
      if (option) options[option] = "1";
      else if (value !== "FP32") throw invalid(`unsupported precision mode '${value}' is requested`);
      continue;
    }
    const [option, kind] = OPTIONS.get(key) ?? [];
    if (option === undefined || kind === undefined)
      throw invalid(`unknown parameter '${key}' is provided for TensorRT Execution Accelerator`);
    const [form, called] = FORMS[kind];
    if (!form.test(value)) throw invalid(`failed to convert '${value}' to ${called}`);
    options[option] = value;
  }
  return options;
}
