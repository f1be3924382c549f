/**
 * A model's configuration: config.pbtxt text → `ModelConfig` and back.
 */
import type { ModelConfig } from "./gen/messages.js";
import type { Init } from "./message-shape.js";
import { parsePbtxt, printPbtxt } from "./pbtxt.js";

export type { ModelConfig, ModelInput, ModelInstanceGroup, ModelOutput } from "./gen/messages.js";

/** A configuration as its author writes it: anything may be left out. */
export type ModelConfigInit = Init<ModelConfig>;

/**
 * Reads a config.pbtxt.
 * @param text as in the file, or decoded
 * @param file name, for messages
 * @throws PbtxtError with file, line and column
 */
export const parseModelConfig = (text: string | Uint8Array, file: string): ModelConfig =>
  parsePbtxt("inference.ModelConfig", text, file);

/**
 * Prints a configuration as people write it; equal configurations print the same bytes.
 * @example printModelConfig({ name: "m", backend: "merlon", max_batch_size: 8, input: [{ name: "id", data_type: "TYPE_INT64", dims: [1] }] })
 */
export const printModelConfig = (config: ModelConfigInit): string => printPbtxt("inference.ModelConfig", config);
