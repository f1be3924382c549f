/**
 * Inputs in any form, and a call's options → the request as it travels.
 */
import { type InferOptions, wireParameters } from "./call-options.js";
import { wrong } from "./client-error.js";
import type { Describe } from "./model-descriptions.js";
import { isComplete, readInput } from "./read-input.js";
import type { WireRequest } from "./wire-call.js";

export type Inputs = Readonly<Record<string, unknown>>;

/** @param describe is called for inputs that do not say their datatype */
export async function writeRequest(
  model: string,
  inputs: Inputs,
  call: InferOptions,
  describe: Describe,
): Promise<WireRequest> {
  const version = call.version === undefined ? "" : String(call.version);
  const given = Object.entries(inputs).filter(([, value]) => value !== undefined);
  const isKnown = given.every(([, value]) => isComplete(value));
  const declared = isKnown ? undefined : await describe(model, version, call);
  const tensors = given.map(([name, value]) => {
    const found = declared?.inputs.find(one => one.name === name);
    if (declared && !found && !isComplete(value))
      throw wrong(
        `model "${model}" has no input \`${name}\`: it has ${declared.inputs.map(one => `\`${one.name}\``).join(", ") || "none"}`,
        model,
      );
    return readInput(name, value, found);
  });
  return {
    model,
    version,
    id: call.requestId ?? "",
    parameters: wireParameters(call, model),
    inputs: tensors,
    outputs: wantedOutputs(call),
  };
}

const wantedOutputs = ({ outputs, classes = {}, regions = {} }: InferOptions): WireRequest["outputs"] => {
  const names = outputs ?? [...new Set([...Object.keys(classes), ...Object.keys(regions)])];
  return names.map(name => {
    const [best, region] = [classes[name], regions[name]];
    return {
      name,
      ...(best !== undefined && { classes: best }),
      ...(region && { region: { region: region.region, byteSize: region.byteSize, offset: region.offset ?? 0 } }),
    };
  });
};
