/**
 * Checks an ensemble against its loaded members: nothing, or a fault with Triton's text.
 */
import type { ModelConfig } from "../../../../triton-protos/model-config.js";
import { refuse } from "../../../base/errors.js";
import type { ServerModels } from "../../contract.js";
import type { EnsembleGraph } from "./graph.js";
import { fits } from "./shape.js";

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
  if (a.length === b.length) return fits(a, b);
  return a.length === b.length + 1 && a[0] === -1
    ? fits(a.slice(1), b)
    : b.length === a.length + 1 && b[0] === -1 && fits(b.slice(1), a);
}

/** A tensor, or the ensemble's answer as a whole. */
interface Node {
  /** The model that first uses it. */
  readonly model: string;
  /** The step that makes it. */
  step?: number;
  readonly from: Node[];
  readonly to: Node[];
  /** The decoupled step whose responses contain it; 0 for the request. */
  label: number;
  isVisited: boolean;
}

/**
 * Detects outputs of different decoupled steps that are combined. Triton cannot join them, and refuses an ensemble in which a step, or the
 * ensemble's own output, takes tensors of both.
 * Walks from the ensemble's inputs to its outputs, as Triton does.
 * @param isDecoupled of each step
 * @returns the model that the message is about; undefined where nothing meets
 */
function decoupledClash(
  { name, input, output, ensemble_scheduling }: ModelConfig,
  isDecoupled: readonly boolean[],
): string | undefined {
  const nodes = new Map<string, Node>();
  const nodeOf = (tensor: string, model: string): Node => {
    const known = nodes.get(tensor);
    if (known) return known;
    const made: Node = { model, from: [], to: [], label: 0, isVisited: false };
    nodes.set(tensor, made);
    return made;
  };
  const open = input.map(({ name: tensor }) => nodeOf(tensor, name));
  const answer: Node = { model: name, from: [], to: [], label: 0, isVisited: false };
  for (const { name: tensor } of output) link(nodeOf(tensor, name), answer);
  ensemble_scheduling!.step.forEach(({ model_name, input_map, output_map }, step) => {
    const taken = Object.values(input_map).map(tensor => nodeOf(tensor, model_name));
    for (const tensor of Object.values(output_map)) {
      const made = nodeOf(tensor, model_name);
      made.step = step;
      for (const from of taken) link(from, made);
    }
  });
  for (const node of open) node.isVisited = true;
  /** By their steps, whose outputs have one label. */
  const labels = new Map<number, number>();
  let last = 0;
  // The list grows during the walk.
  for (const node of open)
    for (const next of node.to) {
      if (next.isVisited || !next.from.every(from => from.isVisited)) continue;
      const [{ label }] = next.from as [Node];
      if (next.from.some(from => from.label !== label)) return next.model;
      const { step = -1 } = next;
      next.label = labels.get(step) ?? (isDecoupled[step] ? ++last : label);
      if (step >= 0) labels.set(step, next.label);
      next.isVisited = true;
      open.push(next);
    }
  return undefined;
}

function link(from: Node, to: Node): void {
  from.to.push(to);
  to.from.push(from);
}
