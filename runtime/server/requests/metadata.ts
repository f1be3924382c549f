/**
 * The metadata of a model: a ready version and its ready siblings → the message of ModelMetadata.
 */

import { configDatatype } from "../../../triton-protos/datatype.js";
import type {
  ModelMetadataResponse,
  ModelMetadataResponse_TensorMetadata,
} from "../../../triton-protos/gen/messages.js";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import type { ModelVersion } from "../../base/model-version.js";

/** @param versions ready versions, ascending; only the requested one if the client named one */
export function describeModel(config: ModelConfig, versions: readonly ModelVersion[]): ModelMetadataResponse {
  const tensor = ({
    name,
    data_type,
    dims,
  }: Pick<ModelConfig["output"][number], "name" | "data_type" | "dims">): ModelMetadataResponse_TensorMetadata => ({
    name,
    datatype: configDatatype(data_type)?.wire ?? "<invalid>",
    shape: config.max_batch_size >= 1 ? [-1, ...dims] : dims,
  });
  return {
    name: config.name,
    versions: versions.map(String),
    platform: config.platform || config.backend,
    inputs: config.input.map(tensor),
    outputs: config.output.map(tensor),
  };
}

/** The extensions in the server metadata, in Triton's order (a server built without tracing). */
export const EXTENSIONS: readonly string[] = [
  "classification",
  "sequence",
  "model_repository",
  "model_repository(unload_dependents)",
  "schedule_policy",
  "model_configuration",
  "system_shared_memory",
  "cuda_shared_memory",
  "binary_tensor_data",
  "parameters",
  "statistics",
  "logging",
];

/** @param traced whether the server was started with tracing */
export const extensionsOf = (traced: boolean): readonly string[] =>
  traced ? EXTENSIONS.flatMap(name => (name === "logging" ? ["trace", name] : name)) : EXTENSIONS;

/** The state of Triton whose answers these are, after 26.08; clients compare it. */
export const PROTOCOL_VERSION = "2.73.0dev";
