/**
 * Detects outputs of different decoupled steps that are combined. Triton cannot join them, and refuses an ensemble in which a step, or the
 * ensemble's own output, takes tensors of both.
 */
import type { ModelConfig } from "../../../../triton-protos/model-config.js";

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
 * Walks from the ensemble's inputs to its outputs, as Triton does.
 * @param isDecoupled of each step
 * @returns the model that the message is about; undefined where nothing meets
 */
export function decoupledClash(
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
