/**
 * Fills in a configuration from its graph, as Triton's ONNX Runtime backend does: batch size, missing inputs, missing outputs.
 */
import { datatype } from "../../../triton-protos/datatype.js";
import type { ModelConfig, ModelInput, ModelOutput } from "../../../triton-protos/model-config.js";
import { invalid } from "../../base/errors.js";
import type { Graph, GraphTensor } from "./onnx-graph.js";

/** Batch size of a graph that can batch when the configuration names none. */
const DEFAULT_MAX_BATCH_SIZE = 4;

/** @param limit default batch size from the command line (`default-max-batch-size`) */
export function completeFromGraph(config: ModelConfig, graph: Graph, limit = DEFAULT_MAX_BATCH_SIZE): ModelConfig {
  if (config.input.length > 0 && config.output.length > 0) return config;
  const batches = [...graph.inputs, ...graph.outputs].every(({ shape }) => shape[0] === -1);
  if (!batches && config.max_batch_size !== 0)
    throw invalid(
      `autofill failed for model '${config.name}': model does not support batching while non-zero max_batch_size is specified`,
    );
  const max = config.max_batch_size === 0 && batches ? Math.max(0, limit) : config.max_batch_size;
  const scheduled = config.dynamic_batching || config.sequence_batching || max <= 1;
  return {
    ...config,
    max_batch_size: max,
    input:
      config.input.length > 0 ? config.input : graph.inputs.toReversed().map(tensor => completeInput(tensor, max > 0)),
    output:
      config.output.length > 0
        ? config.output
        : graph.outputs.toReversed().map(tensor => completeOutput(tensor, max > 0)),
    ...(!scheduled && { dynamic_batching: completedBatching([max]) }),
  };
}

/** Batching as Triton completes it. @param sizes preferred ones */
export const completedBatching = (sizes: readonly number[]): NonNullable<ModelConfig["dynamic_batching"]> => ({
  preferred_batch_size: sizes,
  max_queue_delay_microseconds: 0,
  preserve_ordering: false,
  priority_levels: 0,
  default_priority_level: 0,
  priority_queue_policy: {},
});

function completeInput(tensor: GraphTensor, batches: boolean): ModelInput {
  return {
    ...shape(tensor, batches),
    format: "FORMAT_NONE",
    is_shape_tensor: false,
    allow_ragged_batch: false,
    optional: false,
    is_non_linear_format_io: false,
  };
}

function completeOutput(tensor: GraphTensor, batches: boolean): ModelOutput {
  return { ...shape(tensor, batches), label_filename: "", is_shape_tensor: false, is_non_linear_format_io: false };
}

/** A tensor without dimensions is one value on the wire; beside a batch the graph has none for it. */
function shape(
  { name, dtype, shape: whole }: GraphTensor,
  batches: boolean,
): Pick<ModelInput, "name" | "data_type" | "dims" | "reshape"> {
  const dims = batches ? whole.slice(1) : whole;
  const data_type = datatype(dtype).config as ModelInput["data_type"];
  if (dims.length > 0) return { name, data_type, dims };
  return { name, data_type, dims: [1], ...(batches && { reshape: { shape: [] } }) };
}
