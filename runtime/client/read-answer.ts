/**
 * A model's answer → outputs by name, checked against the request and the expected models.
 */
import { ProtocolError } from "./client-error.js";
import type { Answer } from "./client-interface.js";
import { fits } from "./drift.js";
import type { ModelType, ModelTypes } from "./model-types.js";
import type { Tensor } from "./tensor.js";
import type { WireAnswer, WireRequest } from "./wire-call.js";

export type Outputs = Readonly<Record<string, Tensor>>;

/** @param models as they are typed, where they are. @throws ProtocolError */
export function readAnswer(answer: WireAnswer, wire: WireRequest, models: ModelTypes | undefined): Answer<Outputs> {
  const outputs: Record<string, Tensor> = {};
  for (const tensor of answer.outputs) outputs[tensor.name] = tensor;
  for (const { name } of wire.outputs)
    if (!Object.hasOwn(outputs, name))
      throw new ProtocolError(
        "INTERNAL",
        `the answer lacks output \`${name}\`: it has ${Object.keys(outputs).join(", ") || "none"}`,
      );
  const expected = models?.[wire.model];
  if (expected) holdTo(expected, outputs, wire);
  const { model, version, id, parameters } = answer;
  return { outputs, model, version, id, parameters: parameters.size === 0 ? {} : Object.fromEntries(parameters) };
}

/** If a model is typed, a response of another type is an error. */
function holdTo({ outputs: expected }: ModelType, outputs: Outputs, { outputs: wanted, model }: WireRequest): void {
  for (const [name, type] of Object.entries(expected)) {
    const wish = wanted.find(one => one.name === name);
    if (wish?.classes !== undefined || (wanted.length > 0 && !wish)) continue;
    const tensor = outputs[name];
    if (!tensor && type.optional) continue;
    const seen = tensor ? `${tensor.datatype} [${tensor.shape.join(",")}]` : "missing";
    if (!tensor || tensor.datatype !== type.datatype || !fits(type.shape, tensor.shape))
      throw new ProtocolError(
        "INTERNAL",
        `output \`${name}\` is ${seen}, and the model was typed with ${type.datatype} [${type.shape.join(",")}]`,
        { model },
      );
  }
}
