/**
 * Program → the models of each layout and their content, as `merlon build` would write them.
 */

import type { ModelConfigInit } from "../../triton-protos/model-config.js";
import { LAYOUTS, type Layout, type Program, repositoryModels } from "../5-emit/build.js";

export interface ExplainedModel {
  readonly name: string;
  /** `merlon`, `onnxruntime` or `ensemble`. */
  readonly backend: string;
  /** `name dims` of each tensor, -1 for a variable size; without the batch dimension if there is one. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Most rows of a request; 0 without a batch dimension. */
  readonly maxBatchSize: number;
}

export interface ExplainedLayout {
  readonly layout: Layout;
  /** The entry first; empty where the program can't be built so. */
  readonly models: readonly ExplainedModel[];
  readonly refused?: string;
}

export const explainLayouts = (program: Program): ExplainedLayout[] =>
  LAYOUTS.map((layout): ExplainedLayout => {
    try {
      return {
        layout,
        models: repositoryModels(program, { layout }).map(({ name, config }) => explainModel(name, config)),
      };
    } catch (error) {
      return { layout, models: [], refused: (error as Error).message };
    }
  });

const explainModel = (name: string, config: ModelConfigInit): ExplainedModel => ({
  name,
  backend: config.backend ?? config.platform ?? "",
  inputs: tensors(config.input),
  outputs: tensors(config.output),
  maxBatchSize: config.max_batch_size ?? 0,
});

const tensors = (list: ModelConfigInit["input"] | ModelConfigInit["output"]): string[] =>
  (list ?? []).map(({ name, dims }) => `${name} [${(dims ?? []).join(", ")}]`);
