/**
 * A step that has its inputs → the request to its model.
 */
import type { ModelConfig } from "../../../../triton-protos/model-config.js";
import type { RequestMemory } from "../../../base/memory/request-memory.js";
import type { Parameter, Tensor } from "../../../base/tensor.js";
import type { BackendRequest } from "../../contract.js";
import { NO_CONTROLS } from "../../requests/controls.js";
import type { EnsembleGraph, EnsembleStep } from "./graph.js";
import { find, type Scope } from "./scope.js";
import { adaptShape } from "./shape.js";
import type { Wish } from "./wish.js";

/** Tensors of a step's inputs in the shapes that its model expects, without inputs that no step produces. */
export const memberInputs = (step: EnsembleStep, scope: Scope, member: ModelConfig): Tensor[] =>
  step.inputs.flatMap(([input, name]) => {
    const slot = find(scope, name);
    if (!slot) return [];
    const dims = member.input.find(declared => declared.name === input)?.dims ?? [];
    const shape = adaptShape(slot.tensor.shape, slot.batched, dims, member.max_batch_size > 0);
    return [{ name: input, datatype: slot.tensor.datatype, shape, data: slot.tensor.data }];
  });

/** A step may move the memory of its inputs to a thread of its model's, unless something else looks at it. */
export function pinShared(
  memory: RequestMemory,
  step: EnsembleStep,
  scope: Scope,
  graph: EnsembleGraph,
  wish: Wish,
): void {
  for (const [, name] of step.inputs) {
    const buffer = find(scope, name)?.tensor.data.buffer;
    if (!buffer || !memory.moves(buffer)) continue;
    for (const [other, slot] of scope.slots)
      if (slot?.tensor.data.buffer === buffer && isReadBeside(other, step, graph, wish)) memory.pin(buffer);
  }
}

const isReadBeside = (tensor: string, step: EnsembleStep, { steps }: EnsembleGraph, { outputs }: Wish): boolean =>
  outputs.some(({ name }) => name === tensor) ||
  steps.some(other => other !== step && other.inputs.some(([, name]) => name === tensor));

/** Members get the request's parameters and those that steer the server. */
export function parametersOf({ parameters, controls }: BackendRequest): ReadonlyMap<string, Parameter> {
  if (controls === NO_CONTROLS) return parameters;
  const all = new Map(parameters);
  if (controls.correlationId !== 0n && controls.correlationId !== "") all.set("sequence_id", controls.correlationId);
  if (controls.start) all.set("sequence_start", true);
  if (controls.end) all.set("sequence_end", true);
  if (controls.priority !== 0n) all.set("priority", controls.priority);
  if (controls.timeout !== 0n) all.set("timeout", controls.timeout);
  return all;
}
