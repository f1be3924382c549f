/**
 * What a configuration says about a model's tensors, looked up once per model and not once per request.
 */
import type { ModelConfig, ModelInput, ModelOutput } from "../../triton-protos/model-config.js";

export interface Declared {
  readonly inputs: ReadonlyMap<string, ModelInput>;
  readonly outputs: ReadonlyMap<string, ModelOutput>;
  /** Names of all outputs, sorted: what a request wants that names none. */
  readonly allOutputs: ReadonlySet<string>;
  /** How many inputs a request must have. */
  readonly required: number;
}

const known = new WeakMap<ModelConfig, Declared>();

export function declaredOf(config: ModelConfig): Declared {
  const found = known.get(config);
  if (found) return found;
  const { input, output } = config;
  const declared: Declared = {
    inputs: new Map(input.toReversed().map(one => [one.name, one])),
    outputs: new Map(output.toReversed().map(one => [one.name, one])),
    allOutputs: new Set(output.map(({ name }) => name).toSorted()),
    required: input.filter(({ optional }) => !optional).length,
  };
  known.set(config, declared);
  return declared;
}
