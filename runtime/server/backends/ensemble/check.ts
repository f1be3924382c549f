/**
 * Checks an ensemble against its loaded members: nothing, or a fault with Triton's text.
 */
import type { ModelConfig } from "../../../../triton-protos/model-config.js";
import { RuntimeFault } from "../../../base/errors.js";
import type { ServerModels } from "../../contract.js";
import { decoupledClash } from "./decoupled-branches.js";
import type { EnsembleGraph } from "./graph.js";

const refuse = (text: string): never => {
  throw new RuntimeFault("INVALID_ARGUMENT", text);
};

interface Known {
  readonly model: string;
  readonly dataType: string;
  /** With the batch dimension, where there is one. */
  readonly shape: readonly number[];
}

/** @throws RuntimeFault */
export function checkEnsemble(config: ModelConfig, graph: EnsembleGraph, server: ServerModels): void {
  const { name } = config;
  const known = new Map<string, Known>();
  const shapeIn = (owner: ModelConfig, dims: readonly number[]): readonly number[] =>
    owner.max_batch_size > 0 ? [-1, ...dims] : dims;
  const agree = (tensor: string, next: Known): void => {
    const before = known.get(tensor);
    if (!before) {
      known.set(tensor, next);
      return;
    }
    const front = `in ensemble ${name}, ensemble tensor ${tensor}: inconsistent`;
    if (before.dataType !== next.dataType)
      refuse(
        `${front} data type: ${before.dataType} is inferred from model ${before.model} while ${next.dataType} is inferred from model ${next.model}`,
      );
    if (!mayMeet(before.shape, next.shape))
      refuse(
        `${front} shape: [${before.shape}] is inferred from model ${before.model} while [${next.shape}] is inferred from model ${next.model}`,
      );
  };
  for (const side of [config.input, config.output])
    for (const { name: tensor, data_type, dims, reshape } of side)
      agree(tensor, { model: name, dataType: data_type, shape: shapeIn(config, reshape?.shape ?? dims) });
  for (const step of graph.steps) {
    const member = server.config(step.model, step.version, step.namespace);
    if (member.max_batch_size > 0 && config.max_batch_size > member.max_batch_size)
      refuse(
        `ensemble ${name} allows maximum batch size ${config.max_batch_size}, but it contains model ${step.model} which only allows maximum batch size to be ${member.max_batch_size}`,
      );
    for (const [input, tensor] of step.inputs) {
      const declared = member.input.find(one => one.name === input);
      if (!declared)
        refuse(
          `in ensemble ${name}, ensemble tensor ${tensor} is mapping to non-existing input ${input} in model ${step.model}`,
        );
      else agree(tensor, { model: step.model, dataType: declared.data_type, shape: shapeIn(member, declared.dims) });
    }
    const mapped = new Set(step.inputs.map(([input]) => input));
    for (const { name: input, optional } of member.input)
      if (!optional && !mapped.has(input))
        refuse(`in ensemble ${name}, input ${input} in model ${step.model} is not mapped to any ensemble tensors`);
    const made = new Set<string>();
    for (const [output, tensor] of step.outputs) {
      const declared = member.output.find(one => one.name === output);
      if (!declared)
        refuse(
          `in ensemble ${name}, ensemble tensor ${tensor} is mapped from non-existing output ${output} in model ${step.model}`,
        );
      else agree(tensor, { model: step.model, dataType: declared.data_type, shape: shapeIn(member, declared.dims) });
      if (made.has(tensor))
        refuse(
          `in ensemble ${name}, multiple outputs in model ${step.model} are mapped to the same ensemble tensor ${tensor}`,
        );
      made.add(tensor);
    }
  }
  const clash = decoupledClash(
    config,
    graph.steps.map(({ decoupled }) => decoupled),
  );
  if (clash !== undefined)
    refuse(`in ensemble ${name}, step of model '${clash}' receives inputs originated from different decoupled models`);
}

/** Equal where both are fixed; a batch dimension on one side only is bridged at run time. */
function mayMeet(a: readonly number[], b: readonly number[]): boolean {
  const equal = (x: readonly number[], y: readonly number[]): boolean =>
    x.length === y.length && x.every((dim, i) => dim === -1 || y[i] === -1 || dim === y[i]);
  if (a.length === b.length) return equal(a, b);
  return a.length === b.length + 1 && a[0] === -1
    ? equal(a.slice(1), b)
    : b.length === a.length + 1 && b[0] === -1 && equal(b.slice(1), a);
}
