/**
 * What a JavaScript model says of itself → its configuration, filled in; what is written already must agree. Texts as Python's backend has them.
 */
import type { ModelConfig, ModelInput, ModelOutput } from "../../../../triton-protos/model-config.js";
import type { ConfigBuilder, ModelTensorSpec } from "./api.js";

const refuse = (text: string): never => {
  throw Object.assign(new Error(text), { name: "ValueError" });
};

export function createBuilder(written: ModelConfig): ConfigBuilder {
  let config = written;
  const check = (tensor: ModelTensorSpec, known: ModelInput | ModelOutput): void => {
    const front = `model '${config.name}', tensor '${tensor.name}': the model expects`;
    if (tensor.data_type !== known.data_type)
      refuse(
        `${front} data_type ${tensor.data_type} but the model configuration specifies data_type ${known.data_type}`,
      );
    if (tensor.dims.join() !== known.dims.join())
      refuse(
        `${front} dims [${tensor.dims.join(", ")}] but the model configuration specifies dims [${known.dims.join(", ")}]`,
      );
  };
  return {
    get config() {
      return config;
    },
    addInput(tensor) {
      const known = config.input.find(({ name }) => name === tensor.name);
      if (known) return check(tensor, known);
      const { name, data_type, dims, optional = false } = tensor;
      const input: ModelInput = {
        ...{ name, data_type, dims, optional },
        format: "FORMAT_NONE",
        is_shape_tensor: false,
        allow_ragged_batch: false,
        is_non_linear_format_io: false,
      };
      config = { ...config, input: [...config.input, input] };
    },
    addOutput(tensor) {
      const known = config.output.find(({ name }) => name === tensor.name);
      if (known) return check(tensor, known);
      const { name, data_type, dims } = tensor;
      const output: ModelOutput = {
        ...{ name, data_type, dims },
        label_filename: "",
        is_shape_tensor: false,
        is_non_linear_format_io: false,
      };
      config = { ...config, output: [...config.output, output] };
    },
    setMaxBatchSize(size) {
      if (config.max_batch_size === 0) config = { ...config, max_batch_size: size };
      else if (size < config.max_batch_size)
        refuse(
          `configuration specified max_batch_size ${config.max_batch_size} for model '${config.name}', but in auto_complete_config function for model '${config.name}' specified max_batch_size ${size}`,
        );
    },
    setDynamicBatching() {
      if (config.dynamic_batching || config.sequence_batching || config.ensemble_scheduling) return;
      config = {
        ...config,
        dynamic_batching: {
          preferred_batch_size: [],
          max_queue_delay_microseconds: 0,
          preserve_ordering: false,
          priority_levels: 0,
          default_priority_level: 0,
          priority_queue_policy: {},
        },
      };
    },
    setDecoupled(decoupled) {
      const known = config.model_transaction_policy;
      if (known && known.decoupled !== decoupled)
        refuse(
          `trying to change decoupled property in auto-complete for model '${config.name}', which is already set to '${known.decoupled}'`,
        );
      config = { ...config, model_transaction_policy: { decoupled } };
    },
  };
}
