/**
 * The declarations of a JavaScript model → its completed configuration; they must agree with the written one. Rules and texts are those of
 * Python's back end (`ModelConfig` of its `triton_python_backend_utils`).
 */
import type { ModelConfig, ModelInput, ModelOutput } from "../../../../triton-protos/model-config.js";
import { completedBatching } from "../onnx-complete.js";
import type { ConfigBuilder, ModelTensorSpec } from "./api.js";

const refuse = (text: string): never => {
  throw Object.assign(new Error(text), { name: "ValueError" });
};

type Side = "input" | "output";

/** Properties of a tensor, and how a text lists them. */
const ALLOWED = {
  input: {
    properties: ["name", "data_type", "dims", "optional"],
    listed: "'name', 'data_type', 'dims' and 'optional'",
  },
  output: { properties: ["name", "data_type", "dims"], listed: "'name', 'data_type' and 'dims'" },
} as const satisfies Record<Side, { readonly properties: readonly string[]; readonly listed: string }>;

const asked = (model: string): string => `in auto-complete-config function for model '${model}'`;

/** Callers may be plain JavaScript, which no type has checked. @throws RuntimeFault */
function requireWhole(side: Side, tensor: Partial<ModelTensorSpec>, model: string): void {
  const { properties, listed } = ALLOWED[side];
  const named = `${side} '${tensor.name}' ${asked(model)}`;
  if (Object.keys(tensor).some(key => !(properties as readonly string[]).includes(key)))
    refuse(`${named} contains property other than ${listed}.`);
  if (tensor.name === undefined) refuse(`${side} ${asked(model)} is missing 'name' property.`);
  for (const key of ["data_type", "dims"] as const)
    if (tensor[key] === undefined) refuse(`${named} is missing '${key}' property.`);
}

/** @throws RuntimeFault */
function requireAgreement(side: Side, tensor: ModelTensorSpec, known: ModelInput | ModelOutput, model: string): void {
  if (known.data_type !== "TYPE_INVALID" && known.data_type !== tensor.data_type)
    refuse(
      `unable to load model '${model}', configuration expects datatype ${known.data_type} for ${side} '${tensor.name}', model provides ${tensor.data_type}`,
    );
  const differs = (what: string, expected: string, specified: string): never =>
    refuse(
      `model '${model}', tensor '${tensor.name}': the model expects ${what} ${expected} but the model configuration specifies ${what} ${specified}`,
    );
  if (known.dims.length > 0 && tensor.dims.join() !== known.dims.join())
    differs("dims", listText(tensor.dims), listText(known.dims));
  if ("optional" in known && tensor.optional !== undefined && tensor.optional !== known.optional)
    differs("optional", boolText(tensor.optional), boolText(known.optional));
}

export function createBuilder(written: ModelConfig): ConfigBuilder {
  let config = written;
  const { name: model } = written;

  /** Completes or adds the tensor in the configuration. */
  const merged = <T extends ModelInput | ModelOutput>(
    side: Side,
    list: readonly T[],
    tensor: ModelTensorSpec,
    added: T,
  ): readonly T[] => {
    const known = list.find(({ name }) => name === tensor.name);
    if (!known) return [...list, added];
    requireAgreement(side, tensor, known, model);
    const { data_type, dims } = tensor;
    return list.map(one => (one === known ? { ...known, data_type, dims } : one));
  };
  return {
    get config() {
      return config;
    },
    addInput(tensor) {
      requireWhole("input", tensor, model);
      const { name, data_type, dims, optional = false } = tensor;
      const added: ModelInput = {
        ...{ name, data_type, dims, optional },
        format: "FORMAT_NONE",
        is_shape_tensor: false,
        allow_ragged_batch: false,
        is_non_linear_format_io: false,
      };
      config = { ...config, input: merged("input", config.input, tensor, added) };
    },
    addOutput(tensor) {
      requireWhole("output", tensor, model);
      const { name, data_type, dims } = tensor;
      const added: ModelOutput = {
        ...{ name, data_type, dims },
        label_filename: "",
        is_shape_tensor: false,
        is_non_linear_format_io: false,
      };
      config = { ...config, output: merged("output", config.output, tensor, added) };
    },
    setMaxBatchSize(size) {
      if (config.max_batch_size > size)
        refuse(
          `configuration specified max_batch_size ${config.max_batch_size}, but ${asked(model)} specified max_batch_size ${size}`,
        );
      config = { ...config, max_batch_size: size };
    },
    setDynamicBatching() {
      const found = (["sequence_batching", "ensemble_scheduling"] as const).find(key => config[key]);
      if (found)
        refuse(
          `Configuration specified scheduling_choice as '${found}', but auto-complete-config function for model '${config.name}' tries to set scheduling_choice as 'dynamic_batching'`,
        );
      if (config.dynamic_batching) return;
      config = { ...config, dynamic_batching: completedBatching([]) };
    },
    setDecoupled(decoupled) {
      const known = config.model_transaction_policy;
      if (known && known.decoupled !== decoupled)
        refuse(
          `trying to change decoupled property in auto-complete-config for model '${config.name}', which is already set to '${boolText(known.decoupled)}'.`,
        );
      config = { ...config, model_transaction_policy: { decoupled } };
    },
  };
}

/** As Python prints them. */
const listText = (dims: readonly number[]): string => `[${dims.join(", ")}]`;
const boolText = (value: boolean): string => (value ? "True" : "False");
