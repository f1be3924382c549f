/** Columns' tensors → those of a model of the same server: at once where it is done soon, and then as values all the way. */
import type { Cancellation } from "../../../runtime/base/cancellation.js";
import { typedTensor, wireTensor } from "../../../runtime/base/columns/tensor-values.js";
import type { Tensor, TypedTensor } from "../../../runtime/base/tensor.js";
import type { RunModels } from "../../../runtime/engine/schedule/kernel.js";

/** Tensors in the order of the requested names; undefined if the model did not return one. */
export type ModelAnswer = readonly (TypedTensor | undefined)[];

/** @param wanted names of outputs @returns at once where the model answers at once @throws RuntimeFault at once or later */
export function askModel(
  models: RunModels,
  model: string,
  inputs: readonly TypedTensor[],
  wanted: readonly string[],
  signal: Cancellation | undefined,
): ModelAnswer | Promise<ModelAnswer> {
  const now = models.inferSync?.(model, inputs, wanted);
  if (now) return now;
  const answer = models.infer(model, inputs.map(wireTensor), wanted, signal);
  return answer instanceof Promise ? answer.then(typed) : typed(answer);
}

const typed = (answer: readonly (Tensor | undefined)[]): ModelAnswer =>
  answer.map(tensor => tensor && typedTensor(tensor));
