/**
 * Sizes that the ensembles around a model require of its outputs: a mock whose dimension is free must make what the next model takes.
 */
import type { ModelConfig } from "../../../../triton-protos/model-config.js";

type Input = ModelConfig["input"][number];
type Output = ModelConfig["output"][number];

/**
 * @param model whose output it is
 * @param configs of all models that are ready
 * @returns a size, or -1, for each dimension of the output as its configuration writes them, without the batch; undefined where no ensemble reads it
 */
export function consumedDims(
  model: ModelConfig,
  output: string,
  configs: readonly ModelConfig[],
): readonly number[] | undefined {
  let found: readonly number[] | undefined;
  for (const ensemble of configs)
    for (const { model_name, output_map } of ensemble.ensemble_scheduling?.step ?? []) {
      const tensor = model_name === model.name ? output_map[output] : undefined;
      if (tensor === undefined) continue;
      for (const taken of takers(ensemble, tensor, configs)) {
        const dims = model.max_batch_size > 0 ? taken.slice(1) : taken;
        found = found?.map((dim, i) => (dim === -1 ? (dims[i] ?? -1) : dim)) ?? dims;
      }
    }
  return found;
}

/** Readers of a tensor of an ensemble: inputs of its other members, and its own output. The dimensions begin with the batch, where there is one. */
function* takers(
  { name, output, max_batch_size, ensemble_scheduling }: ModelConfig,
  tensor: string,
  configs: readonly ModelConfig[],
): Iterable<readonly number[]> {
  for (const { model_name, input_map } of ensemble_scheduling!.step)
    for (const [input, source] of Object.entries(input_map)) {
      const member = source === tensor ? configs.find(one => one.name === model_name && one.name !== name) : undefined;
      const declared = member?.input.find(one => one.name === input);
      if (declared) yield wholeDims(declared, member!.max_batch_size);
    }
  const own = output.find(one => one.name === tensor);
  if (own) yield wholeDims(own, max_batch_size);
}

const wholeDims = ({ dims }: Input | Output, batch: number): readonly number[] => (batch > 0 ? [-1, ...dims] : dims);
