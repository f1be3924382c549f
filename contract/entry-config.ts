/**
 * Plan → config.pbtxt of the model that runs it whole.
 */

import type { ModelConfigInit } from "../triton-protos/model-config.js";
import type { AnswerForm } from "./answer-form.js";
import { configOf, entryColumn, type TensorConfig } from "./column-tensors.js";
import type { Plan } from "./plan.js";

export type NamedConfig = ModelConfigInit & { readonly name: string };

/** The entry model: its name, its most rows, and the form of its tensors. */
export interface Entry {
  readonly name: string;
  /** 0 where it has no batch dimension. */
  readonly maxBatchSize: number;
  readonly form: AnswerForm;
  /** Names of answers that say by `NAME__validity` which of their values are null. */
  readonly nullable?: ReadonlySet<string>;
}

export function entryConfig(plan: Plan, { name, maxBatchSize, form, nullable }: Entry): NamedConfig {
  return {
    name,
    backend: "merlon",
    max_batch_size: maxBatchSize,
    input: plan.inputs.flatMap(col => entryColumn(col, form).map(configOf)),
    output: answerConfigs(plan.outputs, form, nullable),
  };
}

/** Tensors that answers leave in, dims without the batch dimension. */
export const answerConfigs = (
  outputs: Plan["outputs"],
  form: AnswerForm,
  nullable: ReadonlySet<string> = new Set(),
): TensorConfig[] =>
  outputs.flatMap(({ schema }) => entryColumn(schema, form, nullable.has(schema.name)).map(configOf));

/** Adds the batch dimension: Triton does not batch the models of an ensemble. */
export const fullShapes = (tensors: readonly TensorConfig[], form: AnswerForm): TensorConfig[] =>
  tensors.map(one => (form === "batched" ? { ...one, dims: [-1, ...one.dims] } : one));
